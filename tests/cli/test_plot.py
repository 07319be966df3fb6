"""`run/plot.py`: a picture of what the logs say, with their words to the letter; or a sentence."""

import os
import struct
import sys

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli import plot
from ncf_keras.cli.plot import Line, Panel, draw, learning_curves

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

HEADER = "iteration,hr,ndcg,loss,train_seconds,evaluation_seconds"
LOG = f"{HEADER}\n0,0.25,0.125,0.5,1,1\n1,0.5,0.375,nan,1,1\n"


def written(path, text=LOG):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def saved(monkeypatch):
    """The figures that were saved."""
    figures, save = [], Figure.savefig

    def keep(figure, *arguments, **named):
        figures.append(figure)
        save(figure, *arguments, **named)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def test_a_png_of_three_panels_beside_each_other(tmp_path, capsys, saved):
    # Bytes that are no text show as question marks.
    logs = [str(written(tmp_path / name)) for name in ("a.csv", os.fsdecode(b"b\xff.csv"))]
    out = tmp_path / "new" / "curves.png"
    assert plot.main([*logs, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"The curves are in {out}\n"
    header = out.read_bytes()[:24]
    width, height = struct.unpack(">II", header[16:])
    assert header.startswith(b"\x89PNG\r\n\x1a\n") and width > 2 * height
    assert [path.name for path in out.parent.iterdir()] == ["curves.png"]
    assert [text.get_text() for text in saved[0].axes[0].get_legend().get_texts()] == ["a", "b?"]


@pytest.mark.parametrize(
    ("log", "name", "error"),
    [
        (LOG, "curves.pdf", "`--out` must end with .png"),
        (LOG, "curves", "`--out` must end with .png"),
        (LOG, "dir.png", "`--out` must be a file"),
        (LOG, f"{'x' * 300}.png", "`--out` must be a path"),
        ("nothing\n", "a.png", "{log}, line 1: "),
        (LOG, "without matplotlib.png", "`ncf plot` must have matplotlib installed: pip install"),
    ],
)
def test_what_can_not_be_drawn_is_refused_and_leaves_no_picture(
    tmp_path, capsys, monkeypatch, log, name, error
):
    path = written(tmp_path / "a.csv", log)
    (tmp_path / "dir.png").mkdir()
    if "without" in name:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot.main([str(path), "--out", str(tmp_path / name)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {error.format(log=path)}") and printed.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "dir.png"]


def test_each_log_is_a_line_of_loss_hr_and_ndcg(tmp_path):
    first = written(tmp_path / "a.csv")
    second = written(tmp_path / "b.csv", f"{HEADER}\n2,0.75,0.5,0.3,1,1")
    loss, hr, ndcg = learning_curves([first, second])
    assert [(line.label, line.xs) for line in loss.lines] == [("a", [0, 1]), ("b", [2])]
    assert (loss.lines[0].ys[0], loss.lines[1].ys) == (0.5, [0.3])
    assert [line.ys for line in hr.lines] == [[0.25, 0.5], [0.75]]
    assert [line.ys for line in ndcg.lines] == [[0.125, 0.375], [0.5]]
    labels = (loss.x_label, loss.y_label, hr.y_label, ndcg.y_label)
    assert labels == ("Iteration", "Training loss", "HR", "NDCG")
    # Logs of one name are told apart by their paths.
    paths = [written(tmp_path / folder / "run.csv") for folder in ("x", "y")]
    assert [line.label for line in learning_curves(paths)[0].lines] == [str(path) for path in paths]
    with pytest.raises(InputError, match="must be different files"):
        learning_curves([paths[0], paths[0]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file"),
        ("", "line 1: the header must have"),
        ("epoch,hr\n1,2\n", "without iteration, loss, ndcg"),
        (f"{HEADER}\n", "must have a row"),
        (f"{HEADER}\n0,0.5,0.5,0.5,1,1\n1,0.5,much,0.5,1,1\n",
         "line 3: ndcg must be a number from 0 to 1. Received: 'much'"),
        (f"{HEADER}\n0,0.5\n", "line 2: loss must be a number from -1e+300 to 1e+300, or nan. Received: ''"),
        (f"{HEADER}\n0,nan,0.5,0.5,1,1\n", "line 2: hr must be a number from 0 to 1. Received: 'nan'"),
        (f"{HEADER}\n0,-5,0.5,0.5,1,1\n", "line 2: hr must be a number from 0 to 1. Received: '-5'"),
        (f"{HEADER}\n0,0.5,0.5,inf,1,1\n", "line 2: loss must be a number from .* Received: 'inf'"),
        (f"{HEADER}\n0,0.5,0.5,1e308,1,1\n", "line 2: loss must be a number from .* Received: '1e308'"),
        (f"{HEADER}\n0.5,0.5,0.5,0.5,1,1\n", "line 2: iteration must be a whole number.* Received: '0.5'"),
        (f"{HEADER}\n1e308,0.5,0.5,0.5,1,1\n", "line 2: iteration must be a whole number.* Received: '1e308'"),
        (f'{HEADER},a\n0,0.5,0.5,0.5,1,1,"x\n"\n\n1,2,0,0,1,1,\n', "line 5: hr must be"),
        ("iteration,hr,ndcg,loss,hr\n0,0,0,0,0\n", "line 1: the header .* once.* with hr more than once"),
        ('"' + "x" * 200_000, "must be a CSV"),
    ],
)  # fmt: skip
def test_a_wrong_log_is_refused_with_its_line(tmp_path, text, problem):
    path = tmp_path / "a.csv" if text is None else written(tmp_path / "a.csv", text)
    with pytest.raises(InputError, match=f"{path}.*{problem}".replace("+", r"\+")):
        learning_curves([path])


@pytest.mark.parametrize("words", ["$\\frac$", "a\\$b", "_u", "$x$ and $y$", "", "日本", "x" * 250])
def test_labels_are_shown_to_the_letter(tmp_path, saved, words):
    lines = [Line("other", [1, 2], [0.1, 0.2]), Line(words, [1, 2], [0.3, 0.4]), Line("empty", [], [])]
    draw([Panel(words, words, words, lines)], 1, tmp_path / "a.png")
    (axis,) = saved[0].axes
    texts = [*axis.get_legend().get_texts(), axis.title, axis.xaxis.label, axis.yaxis.label]
    assert [text.get_text() for text in texts] == ["other", *[words] * 4]
    assert not any(text.get_parse_math() for text in texts)
    drawn = [line.get_color() for line in axis.get_legend().get_lines()]
    assert drawn == [line.get_color() for line in axis.lines]


def test_ticks_are_evenly_spaced_and_the_same_panels_give_the_same_file(tmp_path, saved):
    panels = [Panel("", "x", "y", [Line("a", [8, 64], [0.5, 1])], [8, 16, 64]), Panel("", "x", "y")] * 2
    for name in ("a.png", "b.png"):
        draw(panels[:3], 2, tmp_path / name)
    first, *_, hidden = saved[0].axes
    assert list(first.lines[0].get_xdata()) == [0, 2] and not hidden.get_visible()
    assert [label.get_text() for label in first.get_xticklabels()] == ["8", "16", "64"]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
