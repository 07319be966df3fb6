"""The tables of the page: figures in aligned columns, each with its interval below it."""

import math
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from ncf_keras.evaluation import CalibrationCurve, MeanInterval, SegmentTable
from ncf_keras.reporting.charts import interval_chart
from ncf_keras.reporting.markup import element, foreign

# What each measure beyond accuracy is called, how to read it, and its decimals.
BEYOND = {
    "coverage": ("Catalogue coverage", "share of the active items that stand in somebody’s list", 4),
    "Gini": ("Gini index of exposure", "0: all items are listed alike often; near 1: a few take all places", 4),
    "popularity": ("Mean popularity", "train interactions of a listed item", 1),
    "novelty": ("Novelty", "bits of surprise: -log2 of the share of users who have a listed item", 2),
    "diversity": ("Diversity within a list", "1 - mean cosine of two listed items; 0: all are alike", 4),
}


def metric_table(metrics: Mapping[str, MeanInterval]) -> Element:
    """Return a row a metric and a column a K, from metrics such as `HR@10`."""
    names, top_ks = _names_and_ks(metrics)
    rows = [
        element("tr", _heading(name), *(_interval_cell(metrics[f"{name}@{k}"]) for k in top_ks))
        for name in names
    ]
    return _table(["Metric", *(f"K = {k}" for k in top_ks)], rows)


def beyond_table(beyond: Mapping[str, float | None]) -> Element:
    """Return a row a measure and a column a K."""
    names, top_ks = _names_and_ks(beyond)
    rows = []
    for name in names:
        title, meaning, decimals = BEYOND[name]
        heading = element("th", title, element("small", meaning), scope="row")
        values = (_number(beyond[f"{name}@{k}"], decimals) for k in top_ks)
        rows.append(element("tr", heading, *(element("td", value) for value in values)))
    return _table(["Measure", *(f"K = {k}" for k in top_ks)], rows)


def segment_table(table: SegmentTable, names: Sequence[str], whole: Mapping[str, MeanInterval]) -> Element:
    """Return a row a segment, with the first of the metrics drawn, too.

    Args:
        table: the segments.
        names: the metrics that are shown.
        whole: those of all users.
    """
    first = names[0]
    most = max(whole[first].mean, *(row.metrics[first].high for row in table.rows), 0)
    has_several = any(row.users != row.tests for row in table.rows)
    rows = []
    for row in table.rows:
        heading = element("th", foreign(row.segment), scope="row")
        chart = interval_chart(row.metrics[first], most, whole[first].mean)
        counts = [row.users, row.tests] if has_several else [row.users]
        cells = [_interval_cell(row.metrics[name]) for name in names]
        rows.append(element("tr", heading, element("td", chart, class_="drawn"), *cells, *map(_count, counts)))
    title = element("h3", "Held-out items" if table.side == "item" else "Users", " by ", foreign(table.name))
    header = ["Segment", "", *names, "Users", *(["Held-out items"] if has_several else [])]
    made = _table(header, rows, drawn=1)
    block = element("div", title, made, class_="block")
    if table.left_out:
        block.append(
            element("p", f"{table.left_out:,} more, with as many tests or fewer, are left out.", class_="note")
        )
    return block


def calibration_table(curve: CalibrationCurve) -> Element:
    """Return a row a bin that holds any weight."""
    rows = []
    for number, weight in enumerate(curve.weights.tolist()):
        if weight > 0:
            low, high = curve.edges[number : number + 2]
            values = (curve.predicted[number], curve.observed[number])
            cells = [f"{weight:.1%}", *(f"{value:.3f}" for value in values)]
            heading = element("th", f"{low:.2g} … {high:.2g}", scope="row")
            rows.append(element("tr", heading, *(element("td", cell) for cell in cells)))
    return _table(["Score", "Share", "Predicted", "Observed"], rows)


def range_text(one: MeanInterval) -> str:
    """Return the ends of an interval."""
    return f"{one.low:.4f}–{one.high:.4f}"


def _table(header: Sequence[str], rows: Sequence[Element], drawn: int | None = None) -> Element:
    """Return a table that scrolls by itself where it is too wide; the column `drawn` holds charts."""
    heads = [
        element("th", name, scope="col", class_="drawn" if number == drawn else None)
        for number, name in enumerate(header)
    ]
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *rows))
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Table: {header[0]}")


def _heading(text: str) -> Element:
    return element("th", text, scope="row")


def _count(count: int) -> Element:
    return element("td", f"{count:,}", class_="count")


def _interval_cell(one: MeanInterval) -> Element:
    return element("td", f"{one.mean:.4f}", element("small", range_text(one)))


def _names_and_ks(values: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Return the distinct names and Ks of keys such as `HR@10`, in their order."""
    parts = [name.split("@") for name in values]
    return list(dict.fromkeys(name for name, _ in parts)), list(dict.fromkeys(k for _, k in parts))


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.{decimals}f}"
