"""`ncf export`: a saved model as a version that TensorFlow Serving loads."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import removed_if_unused, tensorflow_directory
from ncf_keras.cli.console import print_done, run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.export_flags import add_export_flags, asked_of, named_group
from ncf_keras.cli.feature_flags import grouping_features
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import MODELS, add_data_flags, whole_number
from ncf_keras.cli.help import CommandParser
from ncf_keras.cli.paths import InputFile
from ncf_keras.cli.saved_model import load_saved_network
from ncf_keras.serving.publishing import HIGHEST_VERSION

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.data.features import Feature

# Flags that are not called as the arguments of which errors speak.
FLAGS = {
    "directory": "`--to`", "model": "`--weights`", "name": "`--dataset`",
    "user_ids": "`--dataset`", "item_ids": "`--dataset`", "item_titles": "`--dataset`",
    "user_features": "`--dataset`",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 after a sentence on standard error about a mistake."""
    return run_with_flags(make_parser().parse_args, _export_by_flags, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Export a saved GMF, MLP or NeuMF as a new version of a served model: a SavedModel with "
        "scores, recommendations and similar items. Its directory is printed.",
        allow_abbrev=False,
    )
    parser.add_argument("--model", choices=MODELS, help="what the file must hold; any of these if left out")
    parser.add_argument(
        "--weights", type=InputFile, required=True, metavar="FILE", help="weight file of Keras 1, 2 or 3"
    )
    served = "the served model, such as serving/ncf; made if it is missing"
    parser.add_argument("--to", required=True, metavar="DIR", help=served)
    add_data_flags(parser)
    # Unlike training, an export does without.
    parser.set_defaults(dataset=None)
    features = (
        "features of items, from whose column --group requests may limit the number of a category on a list "
        "(default: those of the dataset)"
    )
    parser.add_argument("--item_features", type=InputFile, metavar="FILE", help=features)
    add_export_flags(parser)
    number = "number of the version; the one after the highest if left out"
    parser.add_argument("--version", type=whole_number(0, HIGHEST_VERSION), help=number)
    return parser


def _export_by_flags(flags: argparse.Namespace) -> None:
    with flag_names(same_names(vars(flags)) | FLAGS), removed_if_unused(flags.to):
        _export(flags)


def _export(flags: argparse.Namespace) -> None:
    dataset = None
    if flags.item_features and not flags.group:
        raise InputError("`--item_features` must come with `--group`. Received: `--item_features` alone")
    if flags.group and flags.dataset is None:
        raise InputError("`--group` must come with `--dataset`, which has the ids. Received: none")
    if flags.dataset is not None:
        # Standard output is for the directory alone.
        with contextlib.redirect_stdout(sys.stderr):
            dataset = load_dataset(flags)
    group = _read_group(flags, dataset)
    model = load_saved_network(flags.weights, dataset, flags.model)
    from ncf_keras.serving.export import export_model, read_stages

    tensorflow_directory(flags.to, "--to")
    exported = export_model(
        model,
        dataset,
        flags.to,
        flags.version,
        group=group,
        beside=asked_of(flags).beside(),
        candidates=flags.candidates,
        recall=flags.recall,
    )
    print_done(str(exported), str(exported))
    stages = read_stages(exported)
    if flags.candidates or flags.recall or stages.candidates:
        print(stages.in_words(), file=sys.stderr)
    if dataset is None:
        missing = "lists hold what users have seen, unknown users get empty ones"
        print(f"Exported without `--dataset`: {missing}.", file=sys.stderr)


def _read_group(flags: argparse.Namespace, dataset: "Dataset | None") -> "Feature | None":
    """Return the column that `--group` names, None if it was not given."""
    if dataset is None or not flags.group:
        return None
    features = grouping_features(flags, dataset, "--group")
    source = "the dataset" if flags.item_features is None else "`--item_features`"
    return named_group(flags.group, features, source)
