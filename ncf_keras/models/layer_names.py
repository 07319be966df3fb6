"""What the layers of features and of recent items are called, beside those of the authors."""


def feature_name(identity: str) -> str:
    """Return the name of the embedding of features beside that of the identities of that name."""
    return identity.replace("embedding", "feature_embedding")


def sum_name(identity: str) -> str:
    """Return the name of the layer that adds features to the embedding of the identities of that name."""
    return identity.replace("embedding", "vector")


def session_name(identity: str) -> str:
    """Return the name of the layer that makes a vector of recent items, beside the users' of that name."""
    return identity.replace("embedding", "session")
