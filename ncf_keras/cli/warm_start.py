"""`--warm_start` and `--warm_ids`: begin a training with the rows of an earlier model."""

import argparse
import sys
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.saved_model import require_network

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset
    from ncf_keras.data.earlier_ids import EarlierIds
    from ncf_keras.training.engines.learner_state import LearnerState


def check_warm_start(flags: argparse.Namespace) -> None:
    """Raise InputError if the flags of a warm start do not fit each other, or name nothing to start from."""
    if flags.warm_ids and not flags.warm_start:
        raise InputError(f"`--warm_ids` must come with `--warm_start`. Received: {flags.warm_ids} alone")
    if not flags.warm_start:
        return
    for flag in ("mf_pretrain", "preset"):
        other = getattr(flags, flag, None)
        if other:
            raise InputError(
                f"`--warm_start` must come without `--{flag}`, for a model begins once. "
                f"Received: {flags.warm_start} and {other}"
            )
    # A run that goes on has taken from it what it needs.
    kind = None if flags.resume else kind_of(flags.warm_start, "`--warm_start`")
    if not flags.resume and kind is None:
        rule = "a weight file, a checkpoint or a directory of checkpoints"
        raise InputError(f"`--warm_start` must be {rule}. Received: {flags.warm_start}, which is not there")
    if kind == "a file":
        require_network(flags.warm_start, "--warm_start")


def start_warm(model: "keras.Model", flags: argparse.Namespace, dataset: "Dataset") -> "LearnerState | None":
    """If an earlier model is named, start from it and say so; return its learner's state, if it has one."""
    if not flags.warm_start:
        return None
    from ncf_keras.data import split_validation
    from ncf_keras.training.earlier_training import read_earlier_training
    from ncf_keras.training.warm_start import MOST_FOLDED, warm_start
    from ncf_keras.weights import model_sizes

    earlier = read_earlier_training(flags.warm_start)
    for note in earlier.notes:
        print(f"{note}. The one before it is used.", file=sys.stderr)
    if earlier.learner:
        # Before newcomers are folded in, which may take a while.
        with flag_names({"learner": "`--learner`"}):
            earlier.learner.require_learner(flags.learner)
    sizes = model_sizes(earlier.layers, earlier.source)
    named = "`--warm_ids`" if flags.warm_ids else "`--warm_ids`, or `--dataset` where it is left out,"
    with flag_names(dict.fromkeys(("prefix", "user_ids", "item_ids"), named)):
        known = _earlier_ids(flags, dataset)
        ids = known.of_model(sizes.num_users, sizes.num_items)
        # What is held out for the selection is not to be seen, by folding in as little as by training.
        examples = split_validation(dataset) if flags.select == "validation" else dataset
        with progress_bar(100, "%") as show:
            started = warm_start(
                model,
                examples,
                earlier.layers,
                *ids,
                flags.num_neg,
                earlier.learner,
                earlier_columns=(known.user_columns, known.item_columns),
                most_folded=MOST_FOLDED,
                source=earlier.source,
                on_progress=lambda part, share: show(f"folding in {part}", round(100 * share)),
            )
    print(f"Note: {started}", file=sys.stderr)
    return started.learner


def _earlier_ids(flags: argparse.Namespace, dataset: "Dataset") -> "EarlierIds":
    from ncf_keras.data.dataset_files import dataset_prefix
    from ncf_keras.data.earlier_ids import ids_of_dataset, read_earlier_ids

    if flags.warm_ids:
        return read_earlier_ids(flags.warm_ids)
    prefix = None if flags.dataset == "sample" else dataset_prefix(flags.path, flags.dataset)
    return ids_of_dataset(dataset, prefix)
