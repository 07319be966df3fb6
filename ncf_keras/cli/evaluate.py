"""`ncf evaluate`: how good a saved model is on a dataset."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.evaluation import evaluate
from ncf_keras.cli.evaluation_text import as_dicts, document_of, per_user, printed
from ncf_keras.cli.flags import MODELS, add_data_flags, whole_number
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.output_file import check_output_file, json_text, write_output_files
from ncf_keras.cli.paths import InputFile, OutputFile
from ncf_keras.cli.protocols import add_protocol_flags, make_protocol
from ncf_keras.cli.saved_model import SAVED_MODEL, load_saved_model, order_label
from ncf_keras.cli.segments import (
    add_segment_flags,
    built_in_segmentations,
    require_use_of_features,
    segmentations_of,
)

if TYPE_CHECKING:
    from ncf_keras.evaluation import MeanInterval


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    command = shlex.join(["ncf", "evaluate", *(sys.argv[1:] if arguments is None else arguments)])
    return run_with_flags(make_parser().parse_args, lambda flags: _evaluate(flags, command), arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Evaluate a saved GMF, MLP, NeuMF or baseline by the paper's protocol, on validation "
        "pairs, or by a ranking of all items or of cold ones, with 95% confidence intervals. The model and its "
        "sizes are read from the file.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--weights", type=InputFile, required=True, metavar="FILE", help=SAVED_MODEL)
    parser.add_argument("--model", choices=MODELS, help="what the file must hold; any of them if left out")
    add_data_flags(parser)
    add_protocol_flags(parser)
    drawn = "negatives that training drew for a positive, by which the calibration of scores is weighed"
    parser.add_argument("--num_neg", type=whole_number(1), default=4, help=drawn)
    add_segment_flags(parser)
    parser.add_argument(
        "--per_user", type=OutputFile, metavar="FILE", help="write the metrics of each user as CSV, too"
    )
    page = "write all figures, with curves and some users' lists, as a page for the browser"
    parser.add_argument("--report", type=OutputFile, metavar="FILE.html", help=page)
    return parser


def _evaluate(flags: argparse.Namespace, command: str) -> None:
    for flag in ("json", "per_user", "report"):
        check_output_file(getattr(flags, flag), f"--{flag}")
    if flags.report is not None and not flags.report.lower().endswith((".html", ".htm")):
        raise InputError(f"`--report` must end in .html. Received: {flags.report}")
    require_use_of_features(flags)
    dataset = load_dataset(flags)
    protocol = make_protocol(flags.protocol, dataset)
    # Before the model is read: it takes longer.
    segmentations = segmentations_of(flags, dataset)
    if flags.segments or flags.report:
        segmentations = [*built_in_segmentations(protocol), *segmentations]
    model = load_saved_model(flags.weights, dataset, flags.model)
    protocol.require_scores(model, "--weights")
    evaluation = evaluate(protocol, model, flags.topk, flags.num_neg, segmentations)
    subject = {"model": model.name + order_label(model), "weights": flags.weights}
    more = {**document_of(evaluation), "seconds": evaluation.seconds}
    metrics = as_dicts(evaluation.intervals)
    document = protocol.document(flags.dataset, subject, evaluation.rankings, metrics, more)
    files = {
        "--json": (flags.json, json_text(document)),
        "--per_user": (flags.per_user, per_user(evaluation, dataset)),
    }
    if flags.report is not None:
        from ncf_keras.cli.report import report_page

        files["--report"] = (
            flags.report,
            report_page(evaluation, model, dataset, flags.topk, subject, command),
        )
    write_output_files(files)
    if flags.report is not None:
        print(f"The report is written to {flags.report}", file=sys.stderr)
    print(protocol)
    print(printed(evaluation, flags.topk, flags.segments))
    print(_summary(flags, evaluation.intervals, evaluation.seconds) + order_label(model))


def _summary(flags: argparse.Namespace, intervals: "Mapping[str, MeanInterval]", seconds: float) -> str:
    """Return the line of the longest list; another protocol than the paper's is named in it, too."""
    names = [f"{metric}@{max(flags.topk)}" for metric in ("HR", "NDCG")]
    figures = ", ".join(f"{name} = {intervals[name].mean:.4f}" for name in names)
    label = "" if flags.protocol == "sampled" else f" (protocol {flags.protocol})"
    return f"{figures} [{seconds:.1f} s]{label}"
