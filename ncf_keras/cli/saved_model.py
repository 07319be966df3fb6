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

    InputError unless it is of `kind`, if that is given, and of the sizes of `dataset`, if that is; the sentence
    names `argument`, the flag or argument that `weights` came from.
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
        rule = f"the {dataset.num_users} users and {dataset.num_items} items of {dataset.name}"
        raise InputError(f"`{argument}` must be of a model for {rule}. Received: {found}")
    return build_model_for(file)
