"""`run/evaluate.py`: how good a saved model is on a dataset."""

import argparse
import csv
import io
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ncf_keras.base.text_table import text_table
from ncf_keras.base.version import __version__
from ncf_keras.cli.console import run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import MODELS, add_data_flags
from ncf_keras.cli.output_file import check_output_file, write_json, write_output_file
from ncf_keras.cli.protocols import Protocol, add_protocol_flags, make_protocol
from ncf_keras.cli.saved_model import load_saved_model

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import MeanInterval


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line without the program's name; that of the process if None.

    Returns:
        The exit status: 0, or 2 after a sentence on standard error about a mistake in the arguments or files.
    """
    flags = _parser().parse_args(arguments)
    return run_command(lambda: _evaluate(flags))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Evaluate a saved GMF, MLP or NeuMF by the paper's protocol, on validation pairs, or by a "
        "ranking of all items, with 95% confidence intervals. Sizes are read from the file.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--model", choices=MODELS, required=True, help="what the file must hold")
    parser.add_argument("--weights", required=True, metavar="FILE", help="weight file of any Keras")
    add_data_flags(parser)
    add_protocol_flags(parser)
    parser.add_argument("--per_user", metavar="FILE", help="write the metrics of each user as CSV, too")
    return parser


def _evaluate(flags: argparse.Namespace) -> None:
    check_output_file(flags.json, "--json")
    check_output_file(flags.per_user, "--per_user")
    dataset = load_dataset(flags)
    protocol = make_protocol(flags.protocol, dataset)
    model = load_saved_model(flags.weights, dataset, flags.model)
    from ncf_keras.evaluation import bootstrap_intervals, ranking_metrics

    started = time.perf_counter()
    rankings = protocol.rank(model)
    seconds = time.perf_counter() - started
    values = ranking_metrics(rankings, flags.topk)
    intervals = dict(zip(values, bootstrap_intervals(_columns(values)), strict=True))
    if flags.per_user:
        write_output_file(flags.per_user, _per_user(rankings.users, values, dataset), "--per_user")
    if flags.json:
        write_json(flags.json, _document(flags, protocol, len(rankings), intervals, seconds), "--json")
    print(protocol)
    print(text_table(["metric", "mean", "95% confidence interval"], _rows(intervals)))
    print(_summary(flags, intervals, seconds))


def _columns(values: "Mapping[str, np.ndarray]") -> "np.ndarray":
    import numpy as np

    return np.stack(list(values.values()), axis=1)


def _rows(intervals: "Mapping[str, MeanInterval]") -> list[list[str]]:
    return [[name, f"{mean:.4f}", f"{low:.4f} … {high:.4f}"] for name, (mean, low, high) in intervals.items()]


def _summary(flags: argparse.Namespace, intervals: "Mapping[str, MeanInterval]", seconds: float) -> str:
    """Return the line of the longest list; another protocol than the paper's is named in it, too."""
    names = [f"{metric}@{max(flags.topk)}" for metric in ("HR", "NDCG")]
    figures = ", ".join(f"{name} = {intervals[name].mean:.4f}" for name in names)
    label = "" if flags.protocol == "sampled" else f" (protocol {flags.protocol})"
    return f"{figures} [{seconds:.1f} s]{label}"


def _document(
    flags: argparse.Namespace,
    protocol: Protocol,
    rankings: int,
    intervals: "Mapping[str, MeanInterval]",
    seconds: float,
) -> dict[str, object]:
    from ncf_keras.evaluation.intervals import CONFIDENCE, RESAMPLES

    return {
        "protocol": protocol.name,
        "description": protocol.description,
        "note": protocol.note,
        "dataset": flags.dataset,
        "model": flags.model,
        "weights": flags.weights,
        "rankings": rankings,
        "confidence": CONFIDENCE,
        "resamples": RESAMPLES,
        "metrics": {name: interval._asdict() for name, interval in intervals.items()},
        "seconds": seconds,
        "ncf_keras": __version__,
    }


def _per_user(users: "np.ndarray", values: "Mapping[str, np.ndarray]", dataset: "Dataset") -> str:
    """Return a line a ranking: the user's index, the raw id where there are such, and the metrics."""
    columns = {"user": users.tolist()}
    if dataset.user_ids is not None:
        columns["user_id"] = [dataset.user_ids[user] for user in users]
    columns |= {name: value.tolist() for name, value in values.items()}
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()
