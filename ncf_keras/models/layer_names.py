"""What the layers of features are called, beside those of the authors."""


def feature_name(identity: str) -> str:
    """Return the name of the embedding of features beside that of the identities of that name."""
    return identity.replace("embedding", "feature_embedding")


def sum_name(identity: str) -> str:
    """Return the name of the layer that adds features to the embedding of the identities of that name."""
    return identity.replace("embedding", "vector")
