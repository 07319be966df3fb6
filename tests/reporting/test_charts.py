import math
import re

import pytest
from hypothesis import given, strategies as st

from ncf_keras.evaluation import MeanInterval
from ncf_keras.reporting.charts import calibration_chart, interval_chart, metric_chart, round_step, whole_ticks
from ncf_keras.reporting.contents import Curve
from tests.reporting.small_report import interval, small_report


def shapes(drawing, tag, kind):
    return [each for each in drawing.iter(tag) if each.get("class") == kind]


def places(shape):
    return [tuple(map(float, pair.split(","))) for pair in shape.get("points").split()]


def scale_of(drawing):
    """Return the function from a place to values, found from the labels of the two axes as a reader does."""
    vertical = [
        (float(t.text), float(t.get("y")) - 4) for t in drawing.iter("text") if t.get("text-anchor") == "end"
    ]
    texts = [t for t in drawing.iter("text") if t.get("class") == "tick" and t.get("text-anchor") == "middle"]
    across = [(float(t.text.replace(",", "")), float(t.get("x"))) for t in texts]
    (y0, top0), (y1, top1) = vertical[0], vertical[-1]
    (x0, left0), (x1, left1) = across[0], across[-1]
    return lambda x, y: (
        x0 + (x - left0) / (left1 - left0) * (x1 - x0),
        y0 + (y - top0) / (top1 - top0) * (y1 - y0),
    )


def test_a_curve_is_where_its_labels_say():
    ks = [1, 2, 5, 40]
    curve = Curve("HR", ks, [MeanInterval(0.1, 0.05, 0.2), interval(0.3), interval(0.35), interval(0.8)])
    drawing = metric_chart(curve)
    value_at = scale_of(drawing)
    (line,), (band,) = shapes(drawing, "polyline", "line"), shapes(drawing, "polygon", "band")
    for k, one, place in zip(ks, curve.intervals, places(line), strict=True):
        assert value_at(*place) == pytest.approx((k, one.mean), abs=2e-3)
    corners = [value_at(*place) for place in places(band)]
    for number, one in enumerate(curve.intervals):
        assert corners[number] == pytest.approx((ks[number], one.high), abs=2e-3)
        assert corners[-1 - number] == pytest.approx((ks[number], one.low), abs=2e-3)
    assert drawing.find("title").text == "HR at K: 0.1000 at 1, 0.8000 at 40"


def test_calibration_has_a_dot_a_filled_bin():
    calibration = small_report().calibration
    drawing = calibration_chart(calibration)
    dots = shapes(drawing, "circle", "dot")
    found = [scale_of(drawing)(float(dot.get("cx")), float(dot.get("cy"))) for dot in dots]
    assert [value for dot in found for value in dot] == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.8, 0.6], abs=2e-3)
    radii = [float(dot.get("r")) for dot in dots]
    assert radii[0] > radii[1] > radii[2]
    (ideal,) = shapes(drawing, "line", "ideal")
    ends = [scale_of(drawing)(float(ideal.get(f"x{n}")), float(ideal.get(f"y{n}"))) for n in (1, 2)]
    assert [value for end in ends for value in end] == pytest.approx([0, 0, 1, 1], abs=2e-3)


def test_intervals_share_a_scale():
    drawings = [interval_chart(MeanInterval(0.2, 0.1, 0.4), 0.8, 0.4), interval_chart(interval(0.0), 0.0, 0.0)]
    (whisker,), (whole,) = (shapes(drawings[0], "line", kind) for kind in ("whisker", "whole"))
    low, high = float(whisker.get("x1")), float(whisker.get("x2"))
    assert high == float(whole.get("x1")) and 0 < low < high < 120
    assert high - low == pytest.approx((0.4 - 0.1) / 0.8 * 112, abs=0.02)
    assert not re.search("nan|inf", str([each.attrib for each in drawings[1].iter()]))


@given(st.floats(1e-6, 1e6))
def test_steps_are_round(least):
    step = round_step(least)
    assert least * (1 - 1e-6) <= step <= least * 2.5 * (1 + 1e-6)
    digits = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(digits - one) for one in (1, 2, 2.5, 5, 10)) < 1e-6


@given(st.integers(1, 3), st.integers(3, 5000))
def test_ticks_are_few_and_have_both_ends(first, last):
    ticks = whole_ticks(first, last)
    assert ticks[0] == first and ticks[-1] == last and len(ticks) <= 8 and ticks == sorted(set(ticks))
