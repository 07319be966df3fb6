"""`ncf evaluate`: how good a saved model is on a dataset."""

import argparse
import csv
import io
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ncf_keras.base.text_table import text_table
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import MODELS, add_data_flags
from ncf_keras.cli.help import HelpFormatter
from ncf_keras.cli.output_file import check_output_file, json_text, write_output_files
from ncf_keras.cli.paths import InputFile, OutputFile
from ncf_keras.cli.protocols import add_protocol_flags, make_protocol
from ncf_keras.cli.saved_model import SAVED_MODEL, load_saved_model

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import MeanInterval


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _evaluate, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        description="Evaluate a saved GMF, MLP, NeuMF or baseline by the paper's protocol, on validation "
        "pairs, or by a ranking of all items, with 95% confidence intervals. The model and its sizes are read "
        "from the file.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--weights", type=InputFile, required=True, metavar="FILE", help=SAVED_MODEL)
    parser.add_argument("--model", choices=MODELS, help="what the file must hold; any of them if left out")
    add_data_flags(parser)
    add_protocol_flags(parser)
    parser.add_argument(
        "--per_user", type=OutputFile, metavar="FILE", help="write the metrics of each user as CSV, too"
    )
    return parser


def _evaluate(flags: argparse.Namespace) -> None:
    check_output_file(flags.json, "--json")
    check_output_file(flags.per_user, "--per_user")
    dataset = load_dataset(flags)
    protocol = make_protocol(flags.protocol, dataset)
    model = load_saved_model(flags.weights, dataset, flags.model)
    import numpy as np

    from ncf_keras.evaluation import bootstrap_intervals, ranking_metrics

    started = time.perf_counter()
    rankings = protocol.rank(model)
    seconds = time.perf_counter() - started
    values = ranking_metrics(rankings, flags.topk)
    columns = np.stack(list(values.values()), axis=1)
    intervals = dict(zip(values, bootstrap_intervals(columns), strict=True))
    metrics = {name: interval._asdict() for name, interval in intervals.items()}
    subject = {"model": model.name, "weights": flags.weights}
    document = protocol.document(flags.dataset, subject, len(rankings), metrics, {"seconds": seconds})
    per_user = _per_user(rankings.users, values, dataset)
    write_output_files({"--json": (flags.json, json_text(document)), "--per_user": (flags.per_user, per_user)})
    print(protocol)
    rows = [[name, f"{mean:.4f}", f"{low:.4f} … {high:.4f}"] for name, (mean, low, high) in intervals.items()]
    print(text_table(["metric", "mean", "95% confidence interval"], rows))
    print(_summary(flags, intervals, seconds))


def _summary(flags: argparse.Namespace, intervals: "Mapping[str, MeanInterval]", seconds: float) -> str:
    """Return the line of the longest list; another protocol than the paper's is named in it, too."""
    names = [f"{metric}@{max(flags.topk)}" for metric in ("HR", "NDCG")]
    figures = ", ".join(f"{name} = {intervals[name].mean:.4f}" for name in names)
    label = "" if flags.protocol == "sampled" else f" (protocol {flags.protocol})"
    return f"{figures} [{seconds:.1f} s]{label}"


def _per_user(users: "np.ndarray", values: "Mapping[str, np.ndarray]", dataset: "Dataset") -> str:
    """Return a line a ranking: the user's index, the raw id where there are such, and the metrics."""
    columns: dict[str, list] = {"user": users.tolist()}
    if dataset.user_ids is not None:
        columns["user_id"] = [dataset.user_ids[user] for user in users]
    columns |= {name: value.tolist() for name, value in values.items()}
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()
