"""`ncf plot`: learning curves from the files of `--log_csv`, and the drawing of line plots as PNG."""

import argparse
import contextlib
import csv
import io
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import require_output, writable_directory, written_beside
from ncf_keras.base.inputs import open_input
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.paths import InputFile, OutputFile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

DOTS_AN_INCH = 120
STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X"
# Above this a float64 no longer tells neighbours apart.
LARGEST_ITERATION = 2**53
# Somewhat above this the margins around a line overflow in matplotlib.
LARGEST_LOSS = 1e300
_SHARE = ("a number from 0 to 1", lambda value: 0 <= value <= 1)
# The columns that are drawn: the name on the axis, and what a number must be, in words and as a test. The first
# is the horizontal axis.
COLUMNS: dict[str, tuple[str, str, Callable[[float], bool]]] = {
    "iteration": (
        "Iteration",
        f"a whole number from 0 to {LARGEST_ITERATION}",
        lambda value: 0 <= value <= LARGEST_ITERATION and value.is_integer(),
    ),
    # The loss of a run that diverged is no number, which the plot shows as a gap.
    "loss": (
        "Training loss",
        f"a number from {-LARGEST_LOSS:g} to {LARGEST_LOSS:g}, or nan",
        lambda value: abs(value) <= LARGEST_LOSS or math.isnan(value),
    ),
    "hr": ("HR", *_SHARE),
    "ndcg": ("NDCG", *_SHARE),
}


@dataclass(frozen=True)
class Line:
    """A line of a plot, or its points alone; the same label looks the same in all panels of a figure."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    joined: bool = True


@dataclass(frozen=True)
class Panel:
    """One plot of a figure; empty lines are left out.

    The `ticks` on its horizontal axis are evenly spaced whatever they are; None is for a usual axis, which may
    be `logarithmic`.
    """

    title: str
    x_label: str
    y_label: str
    lines: list[Line] = field(default_factory=list)
    ticks: Sequence[float] | None = None
    logarithmic: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the logs; return the exit status, 0, or 2 after a sentence about a mistake."""
    return run_with_flags(make_parser().parse_args, lambda flags: _plot(flags.logs, flags.out), arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Draw training loss, HR and NDCG of each iteration from the files that --log_csv writes.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("logs", type=InputFile, nargs="+", metavar="LOG.csv", help="a file of --log_csv; each becomes a line")
    add(
        "--out",
        type=OutputFile,
        default="curves.png",
        metavar="FILE.png",
        help="the picture, replaced if it exists",
    )
    return parser


def _plot(logs: Sequence[str], file: str) -> None:
    out = Path(file)
    if out.suffix.lower() != ".png":
        raise InputError(f"`--out` must end with .png. Received: {file}")
    panels = learning_curves([Path(log) for log in logs])
    require_matplotlib("`ncf plot`")
    writable_directory(out.parent, "--out")
    require_output(out, "`--out`")
    try:
        draw(panels, len(panels), out)
    except OSError as error:
        raise InputError(
            f"`--out` must be a file that can be written. Received: {file} ({error.strerror})"
        ) from None
    print(f"The curves are in {out}")


def learning_curves(paths: Sequence[Path]) -> list[Panel]:
    """Return training loss, HR and NDCG by iteration, a line for each file, named after it."""
    labels = [path.stem for path in paths]
    if len(set(labels)) < len(labels):
        if len(set(paths)) < len(paths):
            raise InputError(f"The logs must be different files. Received: {', '.join(map(str, paths))}")
        labels = [str(path) for path in paths]
    logs = {label: _read_log(path) for label, path in zip(labels, paths, strict=True)}
    panels = []
    for column in list(COLUMNS)[1:]:
        lines = [Line(label, log["iteration"], log[column]) for label, log in logs.items()]
        panels.append(Panel("", COLUMNS["iteration"][0], COLUMNS[column][0], lines))
    return panels


def _read_log(path: Path) -> dict[str, list[float]]:
    """Return the values of each of `COLUMNS`, row by row."""
    try:
        with io.TextIOWrapper(open_input(path), encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header, *rows = [(reader.line_num, row) for row in reader] or [(1, [])]
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path} must be a CSV that `--log_csv` wrote. Received: {error}") from None
    places = _places(path, header[1])
    log: dict[str, list[float]] = {column: [] for column in COLUMNS}
    for line, row in rows:
        for column, place in places.items() if row else ():
            text = row[place] if place < len(row) else ""
            log[column].append(_number(text, column, f"{path}, line {line}"))
    if not log["iteration"]:
        raise InputError(f"{path} must have a row for at least one iteration. Received: the header alone")
    return log


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Return where a row has each of `COLUMNS`, counted from 0."""
    missing = ", ".join(column for column in COLUMNS if column not in header)
    doubled = ", ".join(column for column in COLUMNS if header.count(column) > 1)
    if missing or doubled:
        rule = "the columns that `--log_csv` writes" if missing else "each column once"
        wrong = f"without {missing}" if missing else f"with {doubled} more than once"
        received = f"{','.join(header) or 'nothing'}, {wrong}"
        raise InputError(f"{path}, line 1: the header must have {rule}. Received: {received}")
    return {column: header.index(column) for column in COLUMNS}


def _number(text: str, column: str, where: str) -> float:
    _, rule, holds = COLUMNS[column]
    with contextlib.suppress(ValueError):
        if holds(value := float(text)):
            return value
    raise InputError(f"{where}: {column} must be {rule}. Received: {text[:40]!r}")


def require_matplotlib(command: str) -> None:
    """Raise InputError if matplotlib is not installed; `command` is what needs it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError(
            f"{command} must have matplotlib installed: pip install 'ncf-keras[paper]'. Received: no matplotlib"
        ) from None


def draw(panels: Sequence[Panel], columns: int, path: Path) -> None:
    """Draw panels, so many beside each other, as a PNG that is complete when it appears."""
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


def _draw_panel(axis: "Axes", panel: Panel, labels: Sequence[str]) -> None:
    places = {value: place for place, value in enumerate(panel.ticks)} if panel.ticks else None
    lines = [line for line in panel.lines if len(line.xs)]
    for line in lines:
        number = labels.index(line.label)
        xs = [places[x] for x in line.xs] if places else line.xs
        color, style = f"C{number % 10}", STYLES[number // 10 % len(STYLES)] if line.joined else "none"
        marker = MARKERS[number % len(MARKERS)]
        axis.plot(xs, line.ys, color=color, linestyle=style, marker=marker, markersize=4, linewidth=1.4)
    if places:
        axis.set_xticks(list(places.values()), [f"{value:g}" for value in places])
    elif panel.logarithmic:
        axis.set_xscale("log")
    else:
        axis.locator_params(axis="x", integer=True)
    _write(axis.set_title("", fontsize="medium"), panel.title)
    _write(axis.set_xlabel(""), panel.x_label)
    _write(axis.set_ylabel(""), panel.y_label)
    axis.grid(visible=True, alpha=0.3)
    if lines:
        # Labels are written afterwards: some versions of matplotlib leave out what begins with an underscore.
        legend = axis.legend(axis.lines, ["line"] * len(lines), fontsize="small")
        for text, line in zip(legend.get_texts(), lines, strict=True):
            _write(text, line.label)
        # However long its labels are, the plot keeps its place.
        legend.set_in_layout(False)


def _write(text: "Text", words: str) -> None:
    """Give a text of a figure its words as they are: a dollar is no formula, a byte of no character is `?`."""
    text.set_parse_math(False)
    text.set_text(words.encode("utf-8", "replace").decode())
