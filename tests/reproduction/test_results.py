"""A run's JSON: what is written comes back, what is wrong is refused in a sentence with file, key and value."""

import base64
import json
import math

import numpy as np
import pytest
from reproduction.results import Book, describe_dataset, document_of, find_result, read_result, write_result
from reproduction.runs import Grid

from ncf_keras.base.errors import InputError
from tests.reproduction.small_results import dataset_of, put
from tests.shared_files import PROJECT

GRID = Grid("hand")
RUN, OTHER = GRID.network("GMF", 8), GRID.baseline("ItemKNN")
RUNS = {"network": RUN, "baseline": OTHER}
POSITIONS = [0, 3, 9, 10, 99]
GONE = object()
HUGE = 10**400
ROW = [0, 0.5, 0.25, 1.0, 1.0, 0.1]


def test_what_is_written_comes_back(tmp_path):
    put(tmp_path, RUN, POSITIONS, seconds=7.5)
    result = find_result(tmp_path, RUN, describe_dataset(dataset_of(5)))
    assert result.positions.tolist() == POSITIONS
    assert result.run["factors"] == 8 and result.run["patience"] == 5 and result.seconds == 7.5
    assert result.iterations[1] == [1, 0.5, 0.25, 0.5, 1.0, 0.1] and result.best == 3
    # By hand: three of five are among the first ten, with ln 2 / ln(position + 2) each.
    assert result.hr == pytest.approx(3 / 5)
    assert result.ndcg == pytest.approx((1 + 1 / math.log2(5) + 1 / math.log2(11)) / 5)
    assert result.test["hr"] == pytest.approx([1 / 5] * 3 + [2 / 5] * 6 + [3 / 5])
    put(tmp_path, OTHER, [0, 300])
    baseline = find_result(tmp_path, OTHER)
    # A position that does not fit a byte stays a miss.
    assert (baseline.chosen, baseline.tried, baseline.hr) == ({"neighbours": 50}, 2, 0.5)
    assert find_result(tmp_path, GRID.network("MLP", 8)) is None


def test_a_result_of_other_options_or_data_is_refused(tmp_path):
    put(tmp_path, RUN, [0, 1])
    other = Grid("hand", epochs=7).network("GMF", 8)
    assert other.name == RUN.name
    with pytest.raises(InputError, match="must be of a run with epochs 7;"):
        find_result(tmp_path, other)
    assert find_result(tmp_path, RUN, describe_dataset(dataset_of(2)))
    changed = dataset_of(2)
    object.__setattr__(changed, "test_negatives", changed.test_negatives[:, ::-1])
    for data in (dataset_of(3), changed):
        with pytest.raises(InputError, match="move it away to train it on this data"):
            find_result(tmp_path, RUN, describe_dataset(data))


COMMON = [
    ("run", GONE, "no `run`"),
    ("run", "GMF", "`run` is 'GMF', not an object"),
    ("dataset", "ml-1m", "`dataset` is 'ml-1m', not an object"),
    ("dataset.train", GONE, "no `train`"),
    ("dataset.train", "many", "`train` is 'many', not a whole number from 0 to "),
    ("dataset.train", HUGE, "`train` is 1000"),
    ("dataset.users", 0, "`users` is 0, not a whole number from 1"),
    ("dataset.items", True, "`items` is True, not a whole number from 1"),
    ("dataset.items", 2.0, "`items` is 2.0, not a whole number from 1"),
    ("dataset.tests", 6040, "`positions` has 5 for 6040 test pairs"),
    ("dataset.name", "run \ud800", r"`name` is 'run \ud800', not a text of whole characters"),
    ("positions", None, "`positions` is None, not a text"),
    ("positions", "AA#A", "`positions` is not base64"),
    ("positions", "é", "`positions` is not base64"),
    # The third user's item moves from place 9 to place 10, out of the first ten.
    ("positions", base64.b64encode(bytes([0, 3, 10, 10, 99])).decode(),
     "`test.hr` at 10 is 0.6, where `positions` give 0.4"),
    ("seconds", HUGE, "`seconds` is 1000"),
    ("seconds", -1, "`seconds` is -1, not a finite number from 0 to inf"),
    ("seconds", math.inf, "Infinity, which is not JSON"),
    ("extra", math.nan, "NaN, which is not JSON"),
    ("test", [], "`test` is [], not an object"),
    ("test.hr", [0.5] * 9, "`hr` is [0.5, "),
    ("test.hr.0", True, "`test.hr` at 1 is True, where"),
    ("test.hr.9", HUGE, "`test.hr` at 10 is 1000"),
    ("test.hr.9", 5, "`test.hr` at 10 is 5, where"),
    ("test.ndcg.0", "0.2", "`test.ndcg` at 1 is '0.2', where"),
    ("test.hr.9", 0.6 + 1e-6, "`test.hr` at 10 is 0.600001, where `positions` give 0.6"),
    ("test.ndcg.0", 0.3, "`test.ndcg` at 1 is 0.3, where `positions` give 0.2"),
]  # fmt: skip
NETWORK = [
    ("best", [3], "`best` is [3], not an object"),
    ("best.iteration", "3", "`iteration` is '3', not a whole number from -1"),
    ("best.iteration", 4, "`best.iteration` is 4, not an iteration of the run"),
    ("iterations", "none", "`iterations` is 'none', not a list"),
    ("iterations.1", ROW[:5], "`iterations` is [0, 0.5, 0.25, 1.0, 1.0], not a list of 6"),
    ("iterations.1", "abcdef", "`iterations` is 'abcdef', not a list"),
    ("iterations.1.3", None, "`loss` is None, not a finite number"),
    ("iterations.1.1", 1.5, "`hr` is 1.5, not a finite number from 0 to 1"),
]
BASELINE = [
    ("chosen", GONE, "no `chosen`"),
    ("chosen.neighbours", "50", "`neighbours` is '50', not a finite number"),
    ("chosen", {"\ud800": 1}, r"`chosen` is '\ud800', not a text of whole characters"),
    ("tried", 2, "`tried` is 2, not a list"),
]
WRONG = [
    *(("network", *case) for case in COMMON + NETWORK),
    *(("baseline", *case) for case in BASELINE),
    ("network", "run.kind", GONE, "no `chosen`"),
]


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """Return results that are right, as text."""
    directory = tmp_path_factory.mktemp("right")
    for run in RUNS.values():
        put(directory, run, POSITIONS)
    return {kind: (directory / f"{run.name}.json").read_text() for kind, run in RUNS.items()}


def refusal(path, content):
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_result(path)
    sentence = str(error.value)
    start = f"{path} must be the JSON of a run. Received: "
    assert sentence.startswith(start) and len(sentence.splitlines()) == 1
    return sentence.removeprefix(start)


@pytest.mark.parametrize(("kind", "place", "value", "sentence"), WRONG)
def test_what_is_wrong_is_said(tmp_path, right, kind, place, value, sentence):
    document = inner = json.loads(right[kind])
    *outer, last = (int(part) if part.isdigit() else part for part in place.split("."))
    for part in outer:
        inner = inner[part]
    inner[last] = value
    if value is GONE:
        del inner[last]
    assert refusal(tmp_path / "run.json", json.dumps(document)).startswith(sentence)


def test_another_file_is_refused(tmp_path, right):
    for content in ("[]", "null", "7", '"run"', "{}", '{"run": {', "[" * 100_000):
        refusal(tmp_path / "run.json", content)
    text = json.dumps({**json.loads(right["network"]), "seconds": "here"}).replace('"here"', "1e999")
    assert refusal(tmp_path / "run.json", text) == "`seconds` is inf, not a finite number from 0 to inf"


def test_a_run_whose_loss_is_no_number_leaves_no_file(tmp_path):
    figures = {"hr": 0.5, "ndcg": 0.25}
    row = (0, 0.5, 0.25, math.nan, 1.0, 0.1)
    outcome = {"initial": figures, "iterations": [row], "best": {"iteration": 0, **figures}}
    document = document_of(RUN, dataset_of(5), np.array(POSITIONS), outcome, 1.0)
    with pytest.raises(InputError, match=r"run\.json must become the JSON of a run.*is nan"):
        write_result(tmp_path / "run.json", document)
    assert not list(tmp_path.iterdir())


def test_every_result_that_was_published_is_read():
    paths = sorted((PROJECT / "docs" / "paper" / "runs").glob("*/*.json"))
    assert paths
    for path in paths:
        # Without NumPy, to compare with.
        positions = base64.b64decode(json.loads(path.read_text())["positions"])
        gains = [math.log(2) / math.log(position + 2) for position in positions if position < 10]
        result = read_result(path)
        assert result.hr == pytest.approx(len(gains) / len(positions), abs=1e-12)
        assert result.ndcg == pytest.approx(sum(gains) / len(positions), abs=1e-12)


def test_a_book_has_the_results_of_its_grid_on_the_same_data(tmp_path):
    put(tmp_path, RUN, [0, 1, 2])
    put(tmp_path, Grid("hand", seed=2).baseline("ItemPop"), [0, 1])
    (tmp_path / "AAA.json").write_text('{"not": "a result"}')
    assert [result.run for result in Book(GRID, tmp_path).all()] == [RUN.options()]
    put(tmp_path, OTHER, [2, 1, 0])
    book = Book(GRID, tmp_path)
    assert [book.find(run).positions.tolist() for run in (RUN, OTHER)] == [[0, 1, 2], [2, 1, 0]]
    put(tmp_path, OTHER, [0, 1])
    book = Book(GRID, tmp_path)
    assert book.find(RUN) is not None
    words = f"{OTHER.name}.json must be of a run on the same data as .*{RUN.name}.json, .*2 users.*3 users"
    with pytest.raises(InputError, match=words):
        book.find(OTHER)
