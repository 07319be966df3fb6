"""Line plots as data, and their drawing: as PNG for people, as CSV for other programs."""

import csv
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

DOTS_AN_INCH = 120
STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X"


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Attributes:
        label: its name in the legend; the same label looks the same in all panels of a figure.
        xs: horizontal positions.
        ys: as many values.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One plot of a figure.

    Attributes:
        title: above it.
        x_label: of the horizontal axis.
        y_label: of the vertical axis.
        lines: what it shows; empty ones are left out.
        ticks: the values on the horizontal axis, evenly spaced whatever they are; None for a usual axis.
    """

    title: str
    x_label: str
    y_label: str
    lines: list[Line] = field(default_factory=list)
    ticks: Sequence[float] | None = None


def require_matplotlib(command: str) -> None:
    """Raise InputError if matplotlib is not installed; `command` is what needs it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError(
            f"{command} must have matplotlib installed: pip install -e '.[paper]'. Received: no matplotlib"
        ) from None


def draw(panels: Sequence[Panel], columns: int, path: Path) -> None:
    """Draw panels, so many beside each other, as a PNG that is complete when it appears.

    Raises:
        InputError: matplotlib is not installed.
    """
    require_matplotlib("Drawing")
    from matplotlib.figure import Figure

    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.6 * columns, 3.4 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    labels = list(dict.fromkeys(line.label for panel in panels for line in panel.lines))
    for axis, panel in zip(axes, panels, strict=False):
        _draw_panel(axis, panel, labels)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    with written_beside(path, keep_suffix=True) as temporary, warnings.catch_warnings():
        # A label in letters that the font lacks shows boxes: the picture says so itself.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        # Without the version of matplotlib, so that the same figures give the same file.
        figure.savefig(temporary, dpi=DOTS_AN_INCH, metadata={"Software": None})


def to_csv(panels: Sequence[Panel]) -> str:
    """Return the points of all panels: panel, line, x, y."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["panel", "y_axis", "line", "x_axis", "x", "y"])
    for panel in panels:
        for line in panel.lines:
            writer.writerows(
                [panel.title, panel.y_label, line.label, panel.x_label, x, y]
                for x, y in zip(line.xs, line.ys, strict=True)
            )
    return text.getvalue()


def _draw_panel(axis: "Axes", panel: Panel, labels: Sequence[str]) -> None:
    places = {value: place for place, value in enumerate(panel.ticks)} if panel.ticks else None
    lines = [line for line in panel.lines if len(line.xs)]
    for line in lines:
        number = labels.index(line.label)
        axis.plot(
            [places[x] for x in line.xs] if places else line.xs,
            line.ys,
            color=f"C{number % 10}",
            linestyle=STYLES[number // 10 % len(STYLES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            linewidth=1.4,
        )
    if places:
        axis.set_xticks(list(places.values()), [f"{value:g}" for value in places])
    else:
        axis.locator_params(axis="x", integer=True)
    _write(axis.set_title("", fontsize="medium"), panel.title)
    _write(axis.set_xlabel(""), panel.x_label)
    _write(axis.set_ylabel(""), panel.y_label)
    axis.grid(visible=True, alpha=0.3)
    if lines:
        _draw_legend(axis, [line.label for line in lines])


def _draw_legend(axis: "Axes", labels: Sequence[str]) -> None:
    # Written afterwards: some versions of matplotlib leave out what begins with an underscore.
    legend = axis.legend(axis.lines, ["line"] * len(labels), fontsize="small")
    for text, label in zip(legend.get_texts(), labels, strict=True):
        _write(text, label)
    # However long its labels are, the plot keeps its place.
    legend.set_in_layout(False)


def _write(text: "Text", words: str) -> None:
    """Give a text of a figure its words as they are: a dollar is no formula, a byte of no character is `?`."""
    text.set_parse_math(False)
    text.set_text(words.encode("utf-8", "replace").decode())
