"""The results of one dataset: those that the grid knows, all on the same data."""

import json

import pytest
from reproduction.book import Book
from reproduction.grid import Grid

from ncf_keras.base.errors import InputError
from tests.reproduction.small_results import put

GRID = Grid("hand")
FIRST, SECOND = GRID.baseline("ItemPop"), GRID.network("GMF", 8)


@pytest.mark.parametrize("name", ["AAA", "zzz"])
def test_a_foreign_file_is_nothing_to_the_dataset(tmp_path, name):
    put(tmp_path, SECOND, [0, 1, 2])
    (tmp_path / f"{name}.json").write_text('{"not": "a result"}')
    found = Book(GRID, tmp_path).dataset()
    # What tests/paper/small_results.py makes of three positions.
    assert (found["users"], found["tests"], found["train"], found["items"]) == (3, 3, 3, 101)


def test_a_result_that_the_grid_does_not_know_is_nothing_to_the_dataset(tmp_path):
    put(tmp_path, Grid("hand", seed=2).baseline("ItemPop"), [0, 1])
    assert Book(GRID, tmp_path).dataset() is None


def test_results_on_other_data_do_not_stand_side_by_side(tmp_path):
    put(tmp_path, FIRST, [0, 1, 2])
    put(tmp_path, SECOND, [0, 1])
    book = Book(GRID, tmp_path)
    assert book.find(FIRST) is not None
    with pytest.raises(InputError) as error:
        book.find(SECOND)
    sentence = str(error.value)
    assert f"{SECOND.name}.json must be of a run on the same data as" in sentence
    assert f"{FIRST.name}.json" in sentence and len(sentence.splitlines()) == 1
    assert "2 users" in sentence and "3 users" in sentence


def test_as_many_users_are_not_yet_the_same_data(tmp_path):
    for run in (FIRST, SECOND):
        put(tmp_path, run, [0, 1, 2])
    path = tmp_path / f"{SECOND.name}.json"
    document = json.loads(path.read_text())
    document["dataset"]["digest"] = "0" * 64
    path.write_text(json.dumps(document))
    book = Book(GRID, tmp_path)
    book.find(FIRST)
    with pytest.raises(InputError, match="'000000000000' beside"):
        book.find(SECOND)


def test_results_on_the_same_data_stand_side_by_side(tmp_path):
    put(tmp_path, FIRST, [0, 1, 2])
    put(tmp_path, SECOND, [2, 1, 0])
    book = Book(GRID, tmp_path)
    assert [book.find(run).positions.tolist() for run in (FIRST, SECOND)] == [[0, 1, 2], [2, 1, 0]]
