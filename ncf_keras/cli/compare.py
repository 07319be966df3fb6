"""`ncf compare A B`: whether two saved models differ on a dataset, user by user."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ncf_keras.base.text_table import text_table
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import add_data_flags
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.output_file import check_output_file, json_text, write_output_files
from ncf_keras.cli.paths import InputFile
from ncf_keras.cli.protocols import add_protocol_flags, make_protocol
from ncf_keras.cli.saved_model import SAVED_MODEL, load_saved_model, order_label

if TYPE_CHECKING:
    from ncf_keras.evaluation import PairedComparison

HEADER = ("metric", "A", "B", "B - A", "95% confidence interval", "differ", "t-test p", "Wilcoxon p")
HOW_TO_READ = (
    "`differ` counts those on whom A and B differ. p-values are two-sided and not corrected for the number of "
    "metrics."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _compare, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Compare two saved models of any kind on one dataset and protocol, user by user: paired "
        "t-test, Wilcoxon signed-rank test, and the difference with its 95% confidence interval.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("a", type=InputFile, metavar="A", help=SAVED_MODEL)
    parser.add_argument("b", type=InputFile, metavar="B", help="another")
    add_data_flags(parser)
    add_protocol_flags(parser)
    return parser


def _compare(flags: argparse.Namespace) -> None:
    check_output_file(flags.json, "--json")
    dataset = load_dataset(flags)
    protocol = make_protocol(flags.protocol, dataset)
    models = [load_saved_model(file, dataset, argument=name) for name, file in (("A", flags.a), ("B", flags.b))]
    for name, model in zip(("A", "B"), models, strict=True):
        protocol.require_scores(model, name)
    from ncf_keras.evaluation import compare_paired, ranking_metrics

    rankings = [protocol.rank(model) for model in models]
    values_a, values_b = (ranking_metrics(each, flags.topk) for each in rankings)
    comparisons = compare_paired(values_a, values_b)
    users = len(rankings[0].distinct_users)
    if flags.json:
        metrics = {
            name: {**asdict(one), "difference": one.difference._asdict()} for name, one in comparisons.items()
        }
        document = protocol.document(flags.dataset, {"a": flags.a, "b": flags.b}, rankings[0], metrics)
        write_output_files({"--json": (flags.json, json_text(document))})
    print(protocol)
    for name, file, model in zip(("A", "B"), (flags.a, flags.b), models, strict=True):
        print(f"{name}: {file}{order_label(model)}")
    print(text_table(HEADER, [_row(name, comparison) for name, comparison in comparisons.items()]))
    if any(comparison.differing for comparison in comparisons.values()):
        print(f"{users:,} users; {HOW_TO_READ}")
    else:
        print(f"A and B agree on all {users:,} users: there is no difference to test.")


def _row(name: str, one: "PairedComparison") -> list[str]:
    mean, low, high = one.difference
    means = [f"{one.mean_a:.4f}", f"{one.mean_b:.4f}", f"{mean:+.4f}", f"{low:+.4f} … {high:+.4f}"]
    return [
        name,
        *means,
        f"{one.differing:,}",
        *("-" if p is None else f"{p:.2g}" for p in (one.t_test, one.wilcoxon)),
    ]
