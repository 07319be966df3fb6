"""The model that `--weights` names, held against the dataset that it is to be used with."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import import_tensorflow_quietly

if TYPE_CHECKING:
    import keras

    from ncf_keras.baselines import Baseline
    from ncf_keras.data import Dataset

# What the help calls a file that `load_saved_model` reads.
SAVED_MODEL = "weight file of Keras 1, 2 or 3, or a baseline that `ncf baseline` saved"
# The name that a training command gives to the model it saves: dataset, kind, sizes, time.
SAVED_NAME = re.compile(
    r"(?P<dataset>.+)_((GMF|MLP|NeuMF)_.+_\d+\.(h5|keras|weights\.h5)"
    r"|(ItemPop|ItemKNN|EASE|(BPR|EALS|DotProduct|IALS)_\d+)_\d+\.npz)"
)


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
    weights: str, dataset: "Dataset", kind: str | None = None, argument: str = "--weights"
) -> "keras.Model | Baseline":
    """Read a weight file of Keras 1, 2 or 3, or a fitted baseline; what it is, is read from the file.

    InputError unless it is of `kind`, if that is given, and of the sizes of `dataset`; the sentence names
    `argument`, the flag or argument that `weights` came from.
    """
    from ncf_keras.baselines.archive import is_archive

    if kind is not None or not is_archive(weights):
        return load_saved_network(weights, dataset, kind, argument)
    from ncf_keras.baselines import load_baseline

    baseline = load_baseline(weights)
    sizes = (baseline.num_users, baseline.num_items)
    found = f"{weights}, which holds {baseline.name}, {sizes[0]} users, {sizes[1]} items"
    _require_sizes(sizes, dataset, argument, found)
    return baseline


def load_saved_network(
    weights: str, dataset: "Dataset | None", kind: str | None = None, argument: str = "--weights"
) -> "keras.Model":
    """Read a weight file of Keras 1, 2 or 3 and build its model; the kind and the sizes are read from the file.

    InputError for a baseline, else as `load_saved_model`; without a dataset the model may be of any sizes. A
    model with features must be trained with those that the dataset has; one that takes recent items is told the
    dataset's, if that tells an order of time.
    """
    require_network(weights, argument, kind)
    import_tensorflow_quietly()
    from ncf_keras.weights import build_model_for, read_weight_file, sizes_in_words, sizes_of_file

    file = read_weight_file(weights)
    spec = sizes_of_file(file)
    found = f"{weights}, which holds {sizes_in_words(spec)}"
    if kind is not None and spec.kind != kind:
        raise InputError(f"`{argument}` must hold a {kind}. Received: {found}")
    if dataset is not None:
        _require_sizes((spec.num_users, spec.num_items), dataset, argument, found)
    model = build_model_for(file)
    if dataset is not None:
        from ncf_keras.models.recent import tell_recent_items
        from ncf_keras.models.same_features import require_same_features

        require_same_features(model, dataset.feature_matrices(), dataset.name, argument)
        if dataset.train_order is not None:
            tell_recent_items(model, dataset.recent_items)
    return model


def order_label(model: object) -> str:
    """Return what stands behind the name and the figures of a model that knows the order of time, else none."""
    # A baseline has no layers, and is ranked without TensorFlow.
    if not hasattr(model, "layers"):
        return ""
    from ncf_keras.models.recent import recent_length

    return " (knows the order)" if recent_length(model) else ""


def require_network(file: str, argument: str, kind: str | None = None) -> None:
    """Raise InputError if a file that `argument` names holds a baseline, where a network is needed."""
    from ncf_keras.baselines.archive import is_archive

    if is_archive(file):
        from ncf_keras.baselines.loading import baseline_in_words

        wanted = f"a {kind}" if kind else "a GMF, MLP or NeuMF"
        held = f"{file}, which holds the baseline {baseline_in_words(file)}"
        raise InputError(f"`{argument}` must hold {wanted}. Received: {held}")


def _require_sizes(sizes: tuple[int, int], dataset: "Dataset", argument: str, found: str) -> None:
    if sizes != (dataset.num_users, dataset.num_items):
        rule = f"the {dataset.num_users} users and {dataset.num_items} items of {dataset.name}"
        raise InputError(f"`{argument}` must be of a model for {rule}. Received: {found}")
