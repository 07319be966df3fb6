"""What an export was asked for is read back from its version, and a damaged file says nothing."""

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.asked import ASKED, Asked, read_asked


@pytest.mark.parametrize("asked", [Asked(), Asked("genre", recall=0.99), Asked('a, "b" é', candidates=12)])
def test_what_was_asked_for_is_read_back(tmp_path, asked):
    (tmp_path / "assets.extra").mkdir()
    for name, content in asked.beside().items():
        (tmp_path / name).write_bytes(content)
    assert read_asked(tmp_path) == asked


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"group": 1, "candidates": null, "recall": null}', "[" * 60_000,
     '{"group": null, "candidates": true, "recall": null}',
     '{"group": null, "candidates": null, "recall": null, "more": 1}'],
)  # fmt: skip
def test_what_no_command_wrote_says_nothing(tmp_path, content):
    assert read_asked(tmp_path) is None
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / ASKED).write_text(content)
    assert read_asked(tmp_path) is None


def test_values_of_another_kind_are_refused():
    with pytest.raises(InputError, match="must be as a command wrote it"):
        Asked.from_json({"group": None})


@pytest.mark.parametrize(
    ("before", "now", "left_out"),
    [
        (Asked("genre", recall=0.9), Asked(), ["--group genre", "--recall 0.9"]),
        (Asked("genre", recall=0.9), Asked("year", candidates=20), []),
        (Asked(candidates=20), Asked("genre"), ["--candidates 20"]),
        (Asked(), Asked("genre"), []),
    ],
)
def test_what_the_next_one_leaves_out(before, now, left_out):
    assert before.left_out_by(now) == left_out
