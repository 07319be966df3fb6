"""Small charts as SVG: lines with a band, a calibration curve, an interval on a scale.

Coordinates are those of a drawing 400 wide; the style sheet gives colours, and the page the width.
"""

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from ncf_keras.evaluation import CalibrationCurve, MeanInterval
from ncf_keras.reporting.contents import Curve
from ncf_keras.reporting.markup import element

WIDTH, HEIGHT = 400, 240
# What the axes leave around the plot.
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 26, 40
GRID_LINES = 4


class Axes:
    """A plot with scales that begin at 0 (or 1) and end in a round number.

    Args:
        x_range: the first and the last place on the horizontal axis.
        y_most: the largest value on the vertical axis.
        x_label: what the horizontal axis is.
        y_label: what the vertical axis is.
        description: the chart in words, for who can't see it.
        height: of the drawing.
    """

    def __init__(
        self,
        x_range: tuple[float, float],
        y_most: float,
        x_label: str,
        y_label: str,
        description: str,
        height: float = HEIGHT,
    ):
        self._x_range, self._height = x_range, height
        step = round_step(y_most / GRID_LINES)
        count = max(1, math.ceil(y_most / step - 1e-9))
        self._y_most = step * count
        self.drawing = element(
            "svg",
            element("title", description),
            viewBox=f"0 0 {WIDTH} {height}",
            role="img",
            class_="chart",
        )
        for number in range(count + 1):
            y = self.y(number * step)
            self.add("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")
            self.text(f"{number * step:.{decimals_of(step)}f}", LEFT - 7, y + 4, "end")
        self.text(y_label, 0, 10, "start", "label")
        self.text(x_label, (LEFT + WIDTH - RIGHT) / 2, height - 6, "middle", "label")

    def x(self, value: float) -> float:
        """Return where a value is from the left."""
        first, last = self._x_range
        share = (value - first) / (last - first) if last > first else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)

    def y(self, value: float) -> float:
        """Return where a value is from the top."""
        low = self._height - BOTTOM
        return round(low - value / self._y_most * (low - TOP), 2)

    def add(self, tag: str, *children: Element, **attributes: object) -> None:
        """Draw a shape."""
        self.drawing.append(element(tag, *children, **attributes))

    def text(self, text: str, x: float, y: float, anchor: str, kind: str = "tick") -> None:
        """Write a text."""
        self.drawing.append(element("text", text, x=x, y=y, text_anchor=anchor, class_=kind))

    def ticks(self, values: Sequence[float]) -> None:
        """Write values below the horizontal axis."""
        for value in values:
            self.text(f"{value:,g}", self.x(value), self._height - BOTTOM + 17, "middle")

    def points(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """Return places as the points of a shape."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in zip(xs, ys, strict=True))


def metric_chart(curve: Curve) -> Element:
    """Return a metric by the length of the list, as a line in the band of its intervals."""
    ks, means = curve.top_ks, [one.mean for one in curve.intervals]
    lows, highs = ([one.low for one in curve.intervals], [one.high for one in curve.intervals])
    last = f"{means[-1]:.4f}"
    words = f"{curve.name} at K: {means[0]:.4f} at {ks[0]}, {last} at {ks[-1]}"
    axes = Axes((ks[0], ks[-1]), max(max(highs), 1e-3), "K, length of the list", f"{curve.name}@K", words)
    band = f"{axes.points(ks, highs)} {axes.points(ks[::-1], lows[::-1])}"
    axes.add("polygon", points=band, class_="band")
    axes.add("polyline", points=axes.points(ks, means), class_="line")
    axes.add("circle", cx=axes.x(ks[-1]), cy=axes.y(means[-1]), r=3.5, class_="dot")
    axes.ticks(whole_ticks(ks[0], ks[-1]))
    return axes.drawing


def calibration_chart(curve: CalibrationCurve) -> Element:
    """Return the observed share over the predicted one, bin by bin, in dots that grow with a bin's weight."""
    words = f"Predicted and observed shares of positives; expected calibration error {curve.error:.4f}"
    axes = Axes((0, 1), 1, "predicted", "observed", words, height=360)
    axes.add("line", x1=axes.x(0), y1=axes.y(0), x2=axes.x(1), y2=axes.y(1), class_="ideal")
    filled = [number for number, weight in enumerate(curve.weights) if weight > 0]
    predicted, observed = (part[filled].tolist() for part in (curve.predicted, curve.observed))
    axes.add("polyline", points=axes.points(predicted, observed), class_="line")
    for x, y, weight in zip(predicted, observed, curve.weights[filled].tolist(), strict=True):
        axes.add("circle", cx=axes.x(x), cy=axes.y(y), r=round(3 + 8 * math.sqrt(weight), 2), class_="dot")
    axes.ticks([0, 0.25, 0.5, 0.75, 1])
    return axes.drawing


def interval_chart(one: MeanInterval, most: float, whole: float) -> Element:
    """Return an interval with its mean, on a scale from 0 to `most`; a line marks the mean of all users."""

    def place(value: float) -> float:
        return round(4 + value / (most or 1) * 112, 2)

    return element(
        "svg",
        element("line", x1=place(whole), x2=place(whole), y1=1, y2=19, class_="whole"),
        element("line", x1=place(one.low), x2=place(one.high), y1=10, y2=10, class_="whisker"),
        element("circle", cx=place(one.mean), cy=10, r=3.5, class_="dot"),
        viewBox="0 0 120 20",
        class_="interval",
        aria_hidden="true",
    )


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `least`, above 0."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))


def decimals_of(step: float) -> int:
    """Return how many decimals multiples of a step have."""
    text = f"{step:.10f}".rstrip("0")
    return len(text.partition(".")[2])


def whole_ticks(first: int, last: int) -> list[int]:
    """Return the first and the last of some whole numbers, and some round ones between them."""
    step = max(1, int(round_step(max(1, (last - first) / 5))))
    between = [number for number in range(step, last, step) if first + step / 2 < number < last - step / 2]
    return sorted({first, *between, last})
