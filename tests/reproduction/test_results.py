"""A run's JSON: what is written comes back, and a wrong file is refused by name."""

import json
import math

import numpy as np
import pytest
from reproduction.grid import Grid
from reproduction.results import describe_dataset, find_result, read_result

from ncf_keras.base.errors import InputError
from tests.reproduction.small_results import dataset_of, put

GRID = Grid("hand")
RUN = GRID.network("GMF", 8)


def test_what_is_written_comes_back(tmp_path):
    put(tmp_path, RUN, [0, 3, 9, 10, 99], seconds=7.5)
    result = find_result(tmp_path, RUN, describe_dataset(dataset_of(5)))
    assert result.positions.tolist() == [0, 3, 9, 10, 99]
    assert result.document["run"]["factors"] == 8 and result.document["run"]["patience"] == 5
    assert result.document["iterations"][1] == [1, 0.5, 0.25, 0.5, 1.0, 0.1]
    assert result.document["command"].startswith("python run/GMF.py --dataset hand ")
    assert result.seconds == 7.5
    # By hand: three of five are among the first ten, with ln 2 / ln(position + 2) each.
    assert result.hr == pytest.approx(3 / 5)
    assert result.ndcg == pytest.approx((1 + 1 / math.log2(5) + 1 / math.log2(11)) / 5)
    assert result.document["test"]["hr"] == pytest.approx([1 / 5] * 3 + [2 / 5] * 6 + [3 / 5])
    assert result.hits().tolist() == [1, 1, 1, 0, 0]
    assert result.ndcgs().mean() == pytest.approx(result.ndcg)


def test_a_position_that_does_not_fit_a_byte_stays_a_miss(tmp_path):
    put(tmp_path, RUN, [0, 300])
    assert find_result(tmp_path, RUN).hits().tolist() == [1, 0]


def test_what_has_not_run_is_none(tmp_path):
    assert find_result(tmp_path, RUN) is None


def test_a_result_of_other_options_is_refused(tmp_path):
    put(tmp_path, RUN, [0, 1])
    other = Grid("hand", epochs=7).network("GMF", 8)
    assert other.name == RUN.name
    with pytest.raises(InputError, match="must be of a run with epochs 7;"):
        find_result(tmp_path, other)


def test_a_result_of_other_data_is_refused(tmp_path):
    put(tmp_path, RUN, [0, 1])
    find_result(tmp_path, RUN, describe_dataset(dataset_of(2)))
    with pytest.raises(InputError, match="move it away to train it on this data"):
        find_result(tmp_path, RUN, describe_dataset(dataset_of(3)))


def without(key):
    def change(document):
        del document[key]

    return change


def too_few_positions(document):
    document["positions"] = "AAAA"


@pytest.mark.parametrize(
    "change", [without("positions"), without("test"), without("dataset"), too_few_positions]
)
def test_a_file_that_is_no_result_is_refused(tmp_path, change):
    put(tmp_path, RUN, [0, 1])
    path = tmp_path / f"{RUN.name}.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=f"{RUN.name}.json must be the JSON of a run"):
        read_result(path)


def test_half_a_file_is_refused(tmp_path):
    put(tmp_path, RUN, [0, 1])
    path = tmp_path / f"{RUN.name}.json"
    path.write_text(path.read_text()[:200])
    with pytest.raises(InputError, match="must be the JSON of a run"):
        read_result(path)


def test_the_digest_tells_datasets_apart():
    same, other = dataset_of(4), dataset_of(4)
    changed = np.array(other.test_negatives)
    changed[2, 5] = 1
    object.__setattr__(other, "test_negatives", changed)
    assert describe_dataset(same) == describe_dataset(dataset_of(4))
    assert describe_dataset(same)["digest"] != describe_dataset(other)["digest"]


def test_lists_in_lists_without_end_are_refused(tmp_path):
    """Found by tests/fuzz: Python's JSON reader gives up with an error that is no ValueError."""
    file = tmp_path / "run.json"
    file.write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"run\.json must be the JSON of a run"):
        read_result(file)
