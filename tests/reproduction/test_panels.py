"""Panels drawn: the words that a figure shows are those of the data."""

import pytest
from reproduction.panels import Line, Panel, draw

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved."""
    saved, save = [], Figure.savefig

    def keep(figure, *arguments, **named):
        saved.append(figure)
        save(figure, *arguments, **named)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


@pytest.mark.parametrize("words", ["GMF", "$\\frac$", "a\\$b", "_u", "__", "$x$ and $y$", ""])
def test_labels_are_shown_to_the_letter(tmp_path, figures, words):
    lines = [Line("other", [1, 2], [0.1, 0.2]), Line(words, [1, 2], [0.3, 0.4])]
    draw([Panel(words, words, words, lines)], 1, tmp_path / "a.png")
    (axis,) = figures[0].axes
    texts = [*axis.get_legend().get_texts(), axis.title, axis.xaxis.label, axis.yaxis.label]
    assert [text.get_text() for text in texts] == ["other", *[words] * 4]
    assert not any(text.get_parse_math() for text in texts)
    drawn = [line.get_color() for line in axis.get_legend().get_lines()]
    assert drawn == [line.get_color() for line in axis.lines]


def test_bytes_that_are_no_text_show_as_question_marks(tmp_path, figures):
    draw([Panel("", "x", "y", [Line("a\udcff", [1], [0.5])])], 1, tmp_path / "a.png")
    assert [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()] == ["a?"]
