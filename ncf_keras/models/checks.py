"""Rules that the builders' arguments obey."""

from collections.abc import Sequence

from ncf_keras.base.checks import is_number, require_count, require_one_of
from ncf_keras.base.errors import InputError

ACTIVATIONS = ("relu", "linear", "tanh", "sigmoid")


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
