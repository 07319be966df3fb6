"""The model that `--weights` names, held against the dataset that it is to be used with."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import import_tensorflow_quietly

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset

# The name that a training command gives to the model it saves: dataset, kind, sizes, time.
SAVED_NAME = re.compile(r"(?P<dataset>.+)_(GMF|MLP|NeuMF)_.+_\d+\.(h5|keras|weights\.h5)")


def newest_saved(directory: str, dataset: str | None) -> tuple[str, str]:
    """Return the model that a training command saved last to a directory, and its dataset, as in its name.

    Args:
        directory: that of the saved models.
        dataset: only models of this one count; None: those of any.
    """
    found = {path: SAVED_NAME.fullmatch(path.name) for path in Path(directory).glob("*_*")}
    of_runs = {path: match["dataset"] for path, match in found.items() if match and path.is_file()}
    fitting = [path for path, of in of_runs.items() if dataset in (None, of)]
    if not fitting:
        of = f" of {dataset}" if dataset else ""
        raise InputError(
            f"`--weights` must name a weight file, unless a run has saved a model{of} to {directory}/. "
            "Received: none"
        )
    newest = max(fitting, key=lambda path: path.stat().st_mtime)
    return str(newest), of_runs[newest]


def load_saved_model(
    weights: str, dataset: "Dataset | None", kind: str | None = None, argument: str = "--weights"
) -> "keras.Model":
    """Read a weight file of Keras 1, 2 or 3 and build its model; the kind and the sizes are read from the file.

    InputError unless it is of `kind`, if that is given, and of the sizes of `dataset`, if that is; the sentence
    names `argument`, the flag or argument that `weights` came from.
    """
    import_tensorflow_quietly()
    from ncf_keras.weights import build_model_for, read_weight_file, sizes_in_words, sizes_of_file

    file = read_weight_file(weights)
    spec = sizes_of_file(file)
    found = f"{weights}, which holds {sizes_in_words(spec)}"
    if kind is not None and spec.kind != kind:
        raise InputError(f"`{argument}` must hold a {kind}. Received: {found}")
    counts = (spec.num_users, spec.num_items)
    if dataset is not None and counts != (dataset.num_users, dataset.num_items):
        rule = f"the {dataset.num_users} users and {dataset.num_items} items of {dataset.name}"
        raise InputError(f"`{argument}` must be of a model for {rule}. Received: {found}")
    return build_model_for(file)
