"""The model that `--weights` names, held against the dataset that it is to be used with."""

from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import import_tensorflow_quietly

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset


def load_saved_model(
    weights: str, dataset: "Dataset | None", kind: str | None = None, argument: str = "--weights"
) -> "keras.Model":
    """Read a weight file of any Keras and build its model; the kind and the sizes are read from the file.

    Args:
        weights: the file.
        dataset: must have as many users and items as the model; None if any model will do.
        kind: `GMF`, `MLP` or `NeuMF` if it must be that one.
        argument: the flag or argument that `weights` came from, for the error.

    Raises:
        InputError: the file can't be read, holds another kind of model, or one of other sizes.
    """
    import_tensorflow_quietly()
    from ncf_keras.weights import build_model_for, model_sizes, read_weight_file, sizes_in_words

    file = read_weight_file(weights)
    spec = model_sizes(file.layers, weights)
    found = f"{weights}, which holds {sizes_in_words(spec)}"
    if kind is not None and spec.kind != kind:
        raise InputError(f"`{argument}` must hold a {kind}. Received: {found}")
    counts = (spec.num_users, spec.num_items)
    if dataset is not None and counts != (dataset.num_users, dataset.num_items):
        raise InputError(
            f"`{argument}` must be of a model for the {dataset.num_users} users and {dataset.num_items} items "
            f"of {dataset.name}. Received: {found}"
        )
    return build_model_for(file)
