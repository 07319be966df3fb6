"""What the JSON of a run must hold: each wrong thing is refused in a sentence with file, place and value."""

import base64
import json
import math

import numpy as np
import pytest
from reproduction.grid import Grid
from reproduction.results import document_of, read_result, write_result

from ncf_keras.base.errors import InputError
from tests.reproduction.small_results import dataset_of, put
from tests.shared_files import PROJECT

GRID = Grid("hand")
RUNS = {"network": GRID.network("GMF", 8), "baseline": GRID.baseline("ItemKNN")}
POSITIONS = [0, 3, 9, 10, 99]
GONE = object()
HUGE = 10**400
ROW = [0, 0.5, 0.25, 1.0, 1.0, 0.1]


def whole(directory, kind):
    """Return the path and the content of a result that is right."""
    put(directory, RUNS[kind], POSITIONS)
    path = directory / f"{RUNS[kind].name}.json"
    return path, json.loads(path.read_text())


def changed(document, place, value):
    """Put `value` at a place such as `best.iteration` or `iterations.0.1`; GONE takes it away."""
    *outer, last = (int(part) if part.isdigit() else part for part in place.split("."))
    for part in outer:
        document = document[part]
    if value is GONE:
        del document[last]
    else:
        document[last] = value


def refusal(path):
    with pytest.raises(InputError) as error:
        read_result(path)
    sentence = str(error.value)
    start = f"{path} must be the JSON of a run. Received: "
    assert sentence.startswith(start) and len(sentence.splitlines()) == 1
    return sentence.removeprefix(start)


@pytest.mark.parametrize("kind", RUNS)
def test_what_is_right_is_read(tmp_path, kind):
    path, document = whole(tmp_path, kind)
    assert read_result(path).document == document


COMMON = [
    ("run", GONE, "no `run`"),
    ("run", "GMF", "`run` is 'GMF', not an object"),
    ("run.kind", GONE, "`run.kind` is None, not one of network, baseline"),
    ("run.kind", ["network"], "`run.kind` is ['network'], not one of network, baseline"),
    ("name", GONE, "no `name`"),
    ("command", GONE, "no `command`"),
    ("command", 7, "`command` is 7, not a text"),
    ("command", "run \ud800", r"`command` is 'run \ud800', not a text of whole characters"),
    ("machine", None, "`machine` is None, not a text"),
    ("versions", {"keras": 3}, "`versions.keras` is 3, not a text"),
    ("dataset", "ml-1m", "`dataset` is 'ml-1m', not an object"),
    ("dataset.train", GONE, "no `dataset.train`"),
    ("dataset.train", "many", "`dataset.train` is 'many', not a whole number of at least 0"),
    ("dataset.train", HUGE, "`dataset.train` is 1000"),
    ("dataset.users", 0, "`dataset.users` is 0, not a whole number of at least 1"),
    ("dataset.items", True, "`dataset.items` is True, not a whole number of at least 1"),
    ("dataset.tests", 6040, "`positions` has 5 for 6040 test pairs"),
    ("dataset.digest", GONE, "no `dataset.digest`"),
    ("positions", None, "`positions` is None, not a text"),
    ("positions", "AA#A", "`positions` is not base64"),
    ("positions", "é", "`positions` is not base64"),
    ("seconds", HUGE, "`seconds` is 1000"),
    ("seconds", -1, "`seconds` is -1, not a finite number of at least 0"),
    ("seconds", True, "`seconds` is True, not a finite number of at least 0"),
    ("test", [], "`test` is [], not an object"),
    ("test.hr.9", 5, "`test.hr[9]` is 5, not a finite number of at least 0 and at most 1"),
    ("test.hr.9", True, "`test.hr[9]` is True, not a finite number"),
    ("test.hr.9", HUGE, "`test.hr[9]` is 1000"),
    ("test.ndcg.0", "0.2", "`test.ndcg[0]` is '0.2', not a finite number"),
    ("test.hr.9", 0.6 + 1e-6, "`test.hr` at 10 is 0.600001, where `positions` give 0.6"),
    ("test.ndcg.0", 0.3, "`test.ndcg` at 1 is 0.3, where `positions` give 0.2"),
]
NETWORK = [
    ("initial", GONE, "no `initial`"),
    ("best", GONE, "no `best`"),
    ("best", [3], "`best` is [3], not an object"),
    ("best.iteration", "3", "`best.iteration` is '3', not a whole number of at least -1"),
    ("best.iteration", 4, "`best.iteration` is 4, not an iteration of the run"),
    ("best.hr", 2, "`best.hr` is 2, not a finite number of at least 0 and at most 1"),
    ("iterations", GONE, "no `iterations`"),
    ("iterations", "none", "`iterations` is 'none', not a list"),
    ("iterations.1", ROW[:5], "`iterations[1]` is [0, 0.5, 0.25, 1.0, 1.0], not a list of 6"),
    ("iterations.1", "abcdef", "`iterations[1]` is 'abcdef', not a list of 6"),
    ("iterations.1.3", None, "`iterations[1], loss` is None, not a finite number"),
    ("iterations.1.1", 1.5, "`iterations[1], hr` is 1.5, not a finite number of at least 0 and at most 1"),
]
BASELINE = [
    ("chosen", GONE, "no `chosen`"),
    ("chosen", None, "`chosen` is None, not an object"),
    ("chosen", "all", "`chosen` is 'all', not an object"),
    ("chosen.neighbours", "50", "`chosen.neighbours` is '50', not a finite number"),
    ("chosen", {"\ud800": 1}, r"`chosen` is '\ud800', not a text of whole characters"),
    ("tried", GONE, "no `tried`"),
    ("tried", 2, "`tried` is 2, not a list"),
    ("tried.0", {}, "no `tried[0].settings`"),
    ("fit_seconds", None, "`fit_seconds` is None, not a finite number of at least 0"),
]
WRONG = [
    *((kind, *case) for kind in RUNS for case in COMMON),
    *(("network", *case) for case in NETWORK),
    *(("baseline", *case) for case in BASELINE),
]


@pytest.mark.parametrize(("kind", "place", "value", "sentence"), WRONG)
def test_what_is_wrong_is_said(tmp_path, kind, place, value, sentence):
    path, document = whole(tmp_path, kind)
    changed(document, place, value)
    path.write_text(json.dumps(document))
    assert refusal(path).startswith(sentence)


@pytest.mark.parametrize("content", ["[]", "null", "7", '"run"', "{}"])
def test_another_json_is_refused(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_text(content)
    refusal(path)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_only_python_takes_for_json_is_refused(tmp_path, constant):
    path, document = whole(tmp_path, "network")
    document["extra"] = "here"
    path.write_text(json.dumps(document).replace('"here"', constant))
    assert refusal(path) == f"{constant}, which is not JSON"


def test_a_number_too_large_for_a_float_is_refused(tmp_path):
    path, document = whole(tmp_path, "network")
    document["seconds"] = "here"
    path.write_text(json.dumps(document).replace('"here"', "1e999"))
    assert refusal(path) == "`seconds` is inf, not a finite number of at least 0"


def test_nine_figures_beside_eleven_are_refused(tmp_path):
    path, document = whole(tmp_path, "network")
    document["test"]["ndcg"].append(document["test"]["hr"].pop())
    path.write_text(json.dumps(document))
    assert refusal(path).endswith("not a list of 10")


def test_figures_of_other_positions_are_refused(tmp_path):
    path, document = whole(tmp_path, "network")
    # The third user's item moves from place 9 to place 10, out of the first ten.
    document["positions"] = base64.b64encode(bytes([0, 3, 10, 10, 99])).decode()
    path.write_text(json.dumps(document))
    assert refusal(path) == "`test.hr` at 10 is 0.6, where `positions` give 0.4"


def test_a_run_whose_loss_is_no_number_leaves_no_file(tmp_path):
    figures = {"hr": 0.5, "ndcg": 0.25}
    outcome = {
        "initial": figures,
        "iterations": [(0, 0.5, 0.25, math.nan, 1.0, 0.1)],
        "best": {"iteration": 0, **figures},
    }
    document = document_of(RUNS["network"], dataset_of(5), np.array(POSITIONS), outcome, 1.0)
    with pytest.raises(InputError, match=r"run\.json must become the JSON of a run.*loss` is nan"):
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
