"""An evaluation as `ncf evaluate` prints it, as JSON, and as CSV with a row a user."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ncf_keras.base.terminal import shown
from ncf_keras.base.text_table import text_table

if TYPE_CHECKING:
    from ncf_keras.cli.cold_pairs import ColdPairs
    from ncf_keras.cli.evaluation import Evaluation
    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import Calibration, MeanInterval, SegmentTable

# Measures that are no shares from 0 to 1.
DECIMALS = {"popularity": 1, "novelty": 2}
LONGEST_SEGMENT = 60
# With one relevant item a ranking, recall is HR and MAP is MRR.
DISTINCT_METRICS = ("HR", "NDCG", "MRR")


def printed(evaluation: "Evaluation", top_ks: Sequence[int], segments: bool = False) -> str:
    """Return the tables that are printed; those of the segments, if they are asked for, at the largest K.

    The sampled protocol, the paper's, prints no more than its metrics unless it is asked for, or a split in
    time has left something out.
    """
    rows = [[name, f"{one.mean:.4f}", _interval(one)] for name, one in evaluation.intervals.items()]
    parts = [text_table(["metric", "mean", "95% confidence interval"], rows)]
    if evaluation.lists:
        names = list(dict.fromkeys(name.partition("@")[0] for name in evaluation.lists))
        rows = [
            [name, *(number(evaluation.lists[f"{name}@{k}"], DECIMALS.get(name, 4)) for k in top_ks)]
            for name in names
        ]
        parts.append(text_table(["beyond accuracy", *(f"K = {k}" for k in top_ks)], rows))
    if segments:
        parts += [_segments(table, evaluation, max(top_ks)) for table in evaluation.segments]
    if evaluation.cold is not None:
        parts.append("\n".join(cold_lines(evaluation.cold, max(top_ks))))
    if evaluation.lists and evaluation.calibration is not None:
        weighed = f"negatives weighed as {evaluation.calibration.negatives} for each positive"
        parts.append(f"Expected calibration error = {number(evaluation.calibration.curve().error)}, {weighed}")
    return "\n\n".join(parts) if len(parts) > 1 else parts[0]


def document_of(evaluation: "Evaluation") -> dict[str, object]:
    """Return what `--json` writes besides the metrics: lists, calibration, segments, cold pairs."""
    document: dict[str, object] = {}
    if evaluation.lists:
        document["beyond_accuracy"] = dict(evaluation.lists)
    if evaluation.calibration is not None:
        document["calibration"] = _calibration(evaluation.calibration)
    if evaluation.segments:
        document["segments"] = [
            {
                "by": table.name,
                "of": table.side,
                "left_out": table.left_out,
                "segments": [{**vars(row), "metrics": as_dicts(row.metrics)} for row in table.rows],
            }
            for table in evaluation.segments
        ]
    if evaluation.cold is not None:
        document["cold"] = {**evaluation.cold._asdict(), "metrics": as_dicts(evaluation.cold.metrics)}
    return document


def as_dicts(metrics: "Mapping[str, MeanInterval]") -> dict[str, dict[str, float]]:
    """Return means and intervals as JSON has them."""
    return {name: interval._asdict() for name, interval in metrics.items()}


def per_user(evaluation: "Evaluation", dataset: "Dataset") -> str:
    """Return a line a user: the index, the raw id where there are such, and the metrics."""
    users = evaluation.rankings.distinct_users
    columns: dict[str, list] = {"user": users.tolist()}
    if dataset.user_ids is not None:
        columns["user_id"] = [dataset.user_ids[user] for user in users]
    columns |= {name: value.tolist() for name, value in evaluation.values.items()}
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def shown_metrics(evaluation: "Evaluation", top_k: int) -> list[str]:
    """Return the names of the metrics at K that differ from each other."""
    from ncf_keras.evaluation import METRICS

    has_one = len(evaluation.rankings) == len(evaluation.rankings.positions)
    return [f"{metric}@{top_k}" for metric in (DISTINCT_METRICS if has_one else METRICS)]


def number(value: float | None, decimals: int = 4) -> str:
    """Return a figure as it is shown, a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:,.{decimals}f}"


def title_of(table: "SegmentTable") -> str:
    """Return what a table of segments is headed."""
    return {
        ("popularity", "item"): "item by popularity",
        ("history", "user"): "user by history",
    }.get((table.name, table.side), f"{table.side} by {table.name}")


def _segments(table: "SegmentTable", evaluation: "Evaluation", top_k: int) -> str:
    names = shown_metrics(evaluation, top_k)
    # On a line each, however long or strange.
    header = [shown(title_of(table), LONGEST_SEGMENT), "users", "tests", *names]
    rows = [
        [
            shown(row.segment, LONGEST_SEGMENT),
            f"{row.users:,}",
            f"{row.tests:,}",
            *(f"{row.metrics[name].mean:.4f} ({_interval(row.metrics[name])})" for name in names),
        ]
        for row in table.rows
    ]
    more = f"\n… and {table.left_out:,} more, with as many tests or fewer" if table.left_out else ""
    return text_table(header, rows) + more


def cold_lines(cold: "ColdPairs", top_k: int) -> list[str]:
    """Return sentences about cold pairs."""
    lines = [
        f"Cold, in no figure above: {cold.new_items:,} pairs of known users with new items and "
        f"{cold.both_new:,} of new users with new items, which no list holds; and {cold.new_users:,} of new "
        "users with known items, who get the popularity list."
    ]
    if cold.without_negatives:
        lines[0] += (
            f" Nor are {cold.without_negatives:,} pairs of known users and items, of users with too few items "
            "left to draw negatives from."
        )
    if cold.metrics:
        hit = f"HR@{top_k}"
        figure = f"{hit} = {cold.metrics[hit].mean:.4f} ({_interval(cold.metrics[hit])})"
        lines.append(f"The popularity list gives {cold.users:,} new users {figure}.")
    return lines


def _calibration(calibration: "Calibration") -> dict[str, object]:
    curve = calibration.curve()
    columns = (curve.edges[:-1], curve.edges[1:], curve.weights, curve.predicted, curve.observed)
    names = ("from", "to", "share", "predicted", "observed")
    bins = [
        {name: _number_or_none(float(value)) for name, value in zip(names, row, strict=True)}
        for row in zip(*columns, strict=True)
    ]
    return {
        "expected_calibration_error": _number_or_none(curve.error),
        "negatives_for_a_positive": calibration.negatives,
        "bins": bins,
    }


def _number_or_none(value: float) -> float | None:
    """Return a number as JSON has it, which has no NaN."""
    return None if math.isnan(value) else value


def _interval(one: "MeanInterval") -> str:
    return f"{one.low:.4f} … {one.high:.4f}"
