import dataclasses
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, strategies as st

from ncf_keras.evaluation.segments import MOST_SEGMENTS
from ncf_keras.reporting.contents import Curve, ShownItem
from ncf_keras.reporting.markup import element, html_document
from ncf_keras.reporting.page import report_html
from ncf_keras.reporting.tables import BEYOND
from tests.browsing.shelf import IMAGE, SCRIPT
from tests.reporting.small_report import HOSTILE, LONG, METRICS, SHOWN, interval, small_report

# Elements of HTML that have no end.
VOID = {"meta", "br", "hr", "img", "link", "input"}
# Attributes by which a page asks for something else, or runs something.
ASKING = re.compile(r"src|srcset|href|xlink:href|action|data|background|poster|style|on.*")


class Reader(HTMLParser):
    """Elements, attributes and texts of a page; a wrong end is an error."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag):
        return [text for inside, text in self.texts if inside == tag]


@pytest.fixture(scope="module")
def page():
    return report_html(small_report())


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def test_the_page_asks_for_nothing_and_runs_nothing(page, read):
    assert page.startswith("<!DOCTYPE html>\n<html")
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base", "b"} & set(read.tags)
    assert [name for name, _ in read.attributes if ASKING.fullmatch(name)] == []
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in read.attributes
    (style,) = read.of("style")
    assert "url(" not in style and "@import" not in style and "http" not in style
    assert len(page) < 100_000


def test_texts_from_outside_are_texts(page, read):
    shown = [SHOWN.get(text, text) for text in HOSTILE]
    assert [text for text in read.of("bdi") if text in shown] and set(shown) <= set(read.of("bdi"))
    assert read.of("title")[0] == f"GMF on {SCRIPT}: evaluation report"
    assert f"GMF on {SCRIPT}" in read.of("bdi") and IMAGE in read.of("bdi")
    assert "ncf evaluate --weights '</style></title><b>&amp;'" in read.of("code")
    # What no reader sees, or sees in the wrong order, stands nowhere.
    assert not set("\x00\x1b\u202e\ud800\ufffe") & set(page)
    page.encode("utf-8")
    # A text of any length is cut.
    assert LONG not in page and "n … (1,700 characters left out) … n" in page


def test_figures_stand_where_they_belong(read):
    cells = read.of("td")
    for name, one in METRICS.items():
        assert f"{one.mean:.4f}" in cells, name
        assert f"{one.low:.4f}–{one.high:.4f}" in read.of("small"), name
    headings = [
        "Accuracy",
        "Beyond accuracy",
        "Segments",
        "Calibration",
        "2 users and their lists",
        "What was evaluated",
    ]
    assert read.of("h2") == headings
    assert {"0.2500", "0.5000", "1,234.6", "–"} <= set(cells)
    # Hits are marked, histories counted; of the calibration empty bins have no row.
    assert read.of("span").count("held out") == 1 and "Knew 1,234 items, 8 of them drawn at random" in read.of(
        "summary"
    )
    assert read.of("strong") == ["0.0250", "0.0500", "0.0900"]
    assert {"0 … 0.25", "0.25 … 0.5", "0.75 … 1"} <= set(read.of("th")) and "0.5 … 0.75" not in read.of("th")
    assert "7 more, with as many tests or fewer, are left out." in read.of("p")


def test_what_there_is_not_has_no_section():
    bare = dataclasses.replace(small_report(), beyond={}, segments=[], calibration=None, users=[], note="")
    assert Reader(report_html(bare)).of("h2") == ["Accuracy", "What was evaluated"]


def test_the_largest_page_holds_no_more_than_two_megabytes():
    """A hundred Ks, as many points of a curve and ten users are the most there are of any dataset."""
    report, top_ks = small_report(), range(1, 101)
    names = ("HR", "NDCG", "MRR", "MAP", "recall")
    (table,), users = report.segments, [dataclasses.replace(report.users[0], name=LONG)] * 10
    shown = [ShownItem(LONG, 1_000_000)] * 10
    large = dataclasses.replace(
        report,
        curves=[Curve(name, list(top_ks), [interval(k / 200) for k in top_ks]) for name in ("HR", "NDCG")],
        metrics={f"{name}@{k}": interval(k / 200) for k in top_ks for name in names},
        beyond={f"{name}@{k}": 1234.5678 for k in top_ks for name in BEYOND},
        segments=[dataclasses.replace(table, rows=table.rows[-1:] * MOST_SEGMENTS)] * 20,
        segment_metrics=["HR@5", "NDCG@5", "MRR@5"],
        users=[dataclasses.replace(user, history=shown, held_out=shown, listed=shown) for user in users],
    )
    page = report_html(large)
    assert 500_000 < len(page.encode("utf-8")) < 2_000_000


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_comes_back_or_is_escaped(text):
    read = Reader(html_document(text, "", element("p", text, title=text)))
    expected = "".join(one if one.isprintable() or one in "\u200c\u200d" else ascii(one)[1:-1] for one in text)
    assert "".join(read.of("p")) == expected == "".join(read.of("title"))
    assert dict(read.attributes)["title"] == expected
