"""Rules that the builders' arguments obey."""

from collections.abc import Sequence

from ncf_keras.base.checks import is_number, require_count, require_one_of
from ncf_keras.base.errors import InputError

ACTIVATIONS = ("relu", "linear", "tanh", "sigmoid")
SIDES = ("user", "item")
# Of which sides a model has a table with a row for each identity.
IDENTITIES = ("both", "user", "item", "none")
# Of which sides a model takes the features.
FEATURES = ("none", "user", "item", "both")
# The codes of features are kept as float32, as all in a weight file is: it holds every whole number up to here.
MOST_FEATURES = 2**24 - 1


def require_penalties(values: Sequence[float], length: int, argument: str, of: str) -> None:
    """Raise InputError unless `values` are `length` finite numbers of at least 0, one for each of `of`."""
    if len(values) != length:
        raise InputError(
            f"`{argument}` must have {length} entries, one for each of {of}. Received: {list(values)}"
        )
    for value in values:
        if not (is_number(value) and value >= 0):
            raise InputError(f"`{argument}` must hold finite numbers of at least 0. Received: {value!r}")


def require_layers(layers: Sequence[int], argument: str = "layers") -> None:
    """Raise InputError unless `layers` are widths, the first of them even: half for users, half for items."""
    if len(layers) == 0:
        raise InputError(f"`{argument}` must have at least one entry. Received: {list(layers)}")
    for width in layers:
        require_count(width, argument)
    if layers[0] % 2:
        raise InputError(
            f"`{argument}` must begin with an even width, half of it for each of the two embeddings. "
            f"Received: {list(layers)}"
        )


def require_activation(activation: str) -> None:
    """Raise InputError unless `activation` names one of the functions that the paper tried in hidden layers."""
    require_one_of(activation, ACTIVATIONS, "activation")


def require_feature_sizes(sizes: Sequence[int], argument: str) -> None:
    """Raise InputError unless `sizes` are a number of features and of those that a row has room for."""
    for size in sizes:
        require_count(size, argument)
    if len(sizes) != 2 or sizes[0] > MOST_FEATURES:
        raise InputError(
            f"`{argument}` must be of at most {MOST_FEATURES} features, so many in all and in a row. "
            f"Received: {list(sizes)}"
        )


def require_identity(identity: str, user_features: bool, item_features: bool) -> None:
    """Raise InputError unless each side has an embedding of its identity, or features."""
    require_one_of(identity, IDENTITIES, "identity")
    for side, known in zip(SIDES, (user_features, item_features), strict=True):
        if identity not in ("both", side) and not known:
            raise InputError(
                f"`identity` must be both or {side} where nothing else is known of the {side}s "
                f"(`{side}_features`). Received: {identity!r}"
            )


def sides_in_word(sides: Sequence[str]) -> str:
    """Return which sides there are, as flags say it: `both`, `user`, `item` or `none`."""
    return "both" if len(sides) == len(SIDES) else next(iter(sides), "none")


def require_recent(recent: int, identity: str) -> None:
    """Raise InputError unless `recent` is a number of items, and items have an embedding to look them up in."""
    require_count(recent, "recent", 0)
    if recent and identity not in ("both", "item"):
        raise InputError(
            f"`recent` must be 0 where items have no embedding of their identity (`identity` {identity}). "
            f"Received: {recent}"
        )


def require_dropout(share: float) -> None:
    """Raise InputError unless the share of examples without identity is from 0 to below 1."""
    if not (is_number(share) and 0 <= share < 1):
        raise InputError(f"`identity_dropout` must be a number from 0 to below 1. Received: {share!r}")
