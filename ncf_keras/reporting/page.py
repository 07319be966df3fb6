"""The page: its sections in their order, and each with a sentence that tells how to read it."""

from pathlib import Path
from xml.etree.ElementTree import Element

from ncf_keras.reporting.charts import calibration_chart, metric_chart
from ncf_keras.reporting.contents import Curve, Report, SampledUser, ShownItem
from ncf_keras.reporting.markup import element, foreign, html_document
from ncf_keras.reporting.tables import (
    beyond_table,
    calibration_table,
    metric_table,
    range_text,
    segment_table,
)

STYLE = Path(__file__).with_name("style.css")


def report_html(report: Report) -> str:
    """Return the page as a text of HTML, which is whole: it asks for nothing else."""
    header = element(
        "header",
        element("p", "Evaluation report", class_="eyebrow"),
        element("h1", foreign(report.title)),
        element("p", report.sentence, class_="lead"),
    )
    if report.note:
        header.append(element("p", report.note, class_="note"))
    header.append(element("div", *(_tile(name, report) for name in report.headline), class_="tiles"))
    makers = (_accuracy, _beyond, _segments, _calibration, _users, _facts)
    sections = [section for section in (make(report) for make in makers) if section is not None]
    style = STYLE.read_text(encoding="utf-8")
    return html_document(f"{report.title}: evaluation report", style, element("main", header, *sections))


def _tile(name: str, report: Report) -> Element:
    one = report.headline[name]
    return element(
        "div",
        element("span", name, class_="name"),
        element("strong", f"{one.mean:.4f}"),
        element("span", range_text(one), class_="range"),
        class_="tile",
    )


def _section(title: str, caption: str, *children: Element) -> Element:
    return element("section", element("h2", title), element("p", caption, class_="caption"), *children)


def _accuracy(report: Report) -> Element:
    caption = (
        "How often, and how far up, the held-out items stand among the first K of a list. The line is the mean "
        "over users. The band, like each range in the table, is its 95% bootstrap interval: how much the "
        "figure would vary with other users of the same kind."
    )
    charts = element("div", *(_figure(curve) for curve in report.curves), class_="charts")
    return _section("Accuracy", caption, charts, metric_table(report.metrics))


def _figure(curve: Curve) -> Element:
    return element("figure", element("figcaption", f"{curve.name} by length of list"), metric_chart(curve))


def _beyond(report: Report) -> Element | None:
    if not report.beyond:
        return None
    caption = "What the lists of all test users are like, whether right or not."
    return _section("Beyond accuracy", caption, beyond_table(report.beyond))


def _segments(report: Report) -> Element | None:
    if not report.segments:
        return None
    caption = (
        "The same metrics for a part of the users or of the held-out items at a time. Dots are means, bars "
        "their 95% intervals, and the thin line is the mean of all users: where a bar does not touch it, this "
        "part is served better or worse than the whole. Held-out items keep their place in the whole list."
    )
    tables = [segment_table(table, report.segment_metrics, report.metrics) for table in report.segments]
    notes = [element("p", note, class_="note") for note in report.segment_notes]
    return _section("Segments", caption, *tables, *notes)


def _calibration(report: Report) -> Element | None:
    if report.calibration is None:
        return None
    caption = (
        "Whether a score of 0.3 means three in ten. Each dot stands for the pairs that the model gives about "
        "that score, the larger the more. On the dashed diagonal it is right; below, it promises too much. "
        f"Negatives weigh as {report.negatives:g} for each positive, as many as a training draws."
    )
    error = element(
        "p",
        "Expected calibration error ",
        element("strong", f"{report.calibration.error:.4f}"),
        ", the mean distance from the diagonal.",
    )
    details = element("div", error, calibration_table(report.calibration))
    chart = element("figure", calibration_chart(report.calibration))
    return _section("Calibration", caption, element("div", chart, details, class_="charts"))


def _users(report: Report) -> Element | None:
    if not report.users:
        return None
    caption = (
        "Some users, drawn at random: what was held out, what the model lists, and what it knew of them. A "
        "held-out item is marked where it is listed; its place is where the evaluation ranked it."
    )
    cards = element("div", *map(_card, report.users), class_="cards")
    return _section(f"{len(report.users)} users and their lists", caption, cards)


def _card(user: SampledUser) -> Element:
    history = element("ul", *(element("li", foreign(item.title)) for item in user.history))
    known = f"Knew {_counted(user.num_history, 'item')}"
    if len(user.history) < user.num_history:
        known += f", {len(user.history)} of them drawn at random"
    held_out = f"Held out: {_counted(user.num_held_out, 'item')}"
    if len(user.held_out) < user.num_held_out:
        held_out += f", the first {len(user.held_out)} by place"
    return element(
        "article",
        element("h3", "User ", foreign(user.name)),
        element("h4", held_out),
        element("ul", *map(_held_out, user.held_out)),
        element("h4", "The list"),
        element("ol", *map(_listed, user.listed))
        if user.listed
        else element("p", "It is empty.", class_="note"),
        element("details", element("summary", known), history),
    )


def _held_out(item: ShownItem) -> Element:
    return element("li", foreign(item.title), element("span", f" place {item.place:,}", class_="place"))


def _listed(item: ShownItem) -> Element:
    if not item.is_held_out:
        return element("li", foreign(item.title))
    return element("li", foreign(item.title), " ", element("span", "held out", class_="mark"), class_="hit")


def _facts(report: Report) -> Element:
    rows = []
    for name, value in report.facts:
        shown = element("code", value) if name == "Command" else foreign(value)
        rows.append(element("div", element("dt", name), element("dd", shown)))
    return element("section", element("h2", "What was evaluated"), element("dl", *rows))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
