"""A search in its file: resumed, shared, judged; with a measure that needs no training."""

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import RankingResult
from ncf_keras.training.engines.guard import Diverged
from ncf_keras.tuning import Outcome, Study

ABOUT = {"--dataset": "clicks", "--model": ["EASE"]}


def outcome(ndcg, settings, given_up=False):
    return Outcome(RankingResult(np.array([ndcg * 1.5]), np.array([ndcg])), settings, given_up)


def closeness(model, settings, tell):
    """Best at a penalty of 100."""
    return outcome(1 / (1 + abs(np.log(settings["regularization"] / 100))), {**settings, "found": 3})


def interrupted(model, settings, tell):
    raise KeyboardInterrupt


def make(directory, trials=12, models=("EASE",), seed=0, about=ABOUT):
    return Study(directory / "search.sqlite", about, models, trials, seed)


def tried(study):
    return [(record.model, record.settings) for record in study.records()]


def test_the_search_begins_with_the_defaults_and_comes_near_the_best(tmp_path):
    study, seen = make(tmp_path, 20), []
    study.run(closeness, seen.append)
    records = study.records()
    assert [record.number for record in records] == list(range(20)) and seen == records
    assert records[0].settings == {"regularization": 1320.0, "found": 3}
    best = study.best()
    assert best.ndcg == max(record.ndcg for record in records) > 0.8
    assert 70 < best.settings["regularization"] < 140
    assert best.hr == pytest.approx(1.5 * best.ndcg)


def test_a_model_with_two_settings_to_begin_with_tries_one_after_the_other(tmp_path):
    study = make(tmp_path, 3, ("DotProduct",))
    study.run(lambda model, settings, tell: outcome(0.5, settings))
    known = {"factors": 192, "unobserved_weight": 0.25, "regularization": 0.007, "popularity_exponent": 0.1}
    pinterest = {"factors": 192, "unobserved_weight": 0.017, "regularization": 0.0133, "popularity_exponent": 0}
    first, second, third = (settings for _, settings in tried(study))
    assert first == {**known, "penalty_exponent": 1} and second == {**pinterest, "penalty_exponent": 0}
    assert third not in (first, second)


def test_a_search_that_was_left_goes_on_as_if_it_had_not_been(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = make(tmp_path / "whole", 8)
    whole.run(closeness)
    for trials in (3, 8):
        parts = make(tmp_path, trials)
        parts.run(closeness)
        assert len(parts.records()) == trials
    assert tried(parts) == tried(whole)
    make(tmp_path, 8).run(lambda *_: pytest.fail("nothing is left to try"))


def test_a_trial_that_was_broken_off_does_not_count(tmp_path):
    study = make(tmp_path, 3)

    with pytest.raises(KeyboardInterrupt):
        study.run(interrupted)
    assert study.records() == []
    study.run(closeness)
    assert [record.number for record in study.records()] == [1, 2, 3]


def test_several_at_once_try_different_settings_and_agree_on_the_best(tmp_path):
    make(tmp_path, 8)
    together = threading.Barrier(2, timeout=60)

    def search(_):
        study, first = make(tmp_path, 8), []

        def measure(model, settings, tell):
            if not first:
                first.append(settings)
                together.wait()
            return closeness(model, settings, tell)

        study.run(measure)
        return study.best()

    with ThreadPoolExecutor(2) as pool:
        bests = list(pool.map(search, range(2)))
    assert bests[0] == bests[1]
    settings = [record.settings["regularization"] for record in make(tmp_path, 8).records()]
    assert len(settings) == len(set(settings)) == 8


def test_a_search_of_several_models_begins_with_each_of_them(tmp_path):
    study = make(tmp_path, 6, ("EASE", "ItemKNN"))
    study.run(lambda model, settings, tell: outcome(0.5 if model == "ItemKNN" else 0.1, settings))
    records = study.records()
    assert [record.model for record in records[:2]] == ["EASE", "ItemKNN"]
    assert records[1].settings == {"neighbours": 30}
    assert study.best().model == "ItemKNN"


def test_who_is_behind_after_an_epoch_is_given_up(tmp_path):
    study, epochs = make(tmp_path, 12), []

    def measure(model, settings, tell):
        good = len(epochs) < 6
        for epoch in range(8):
            if tell(epoch, 0.5 if good else 0.1):
                break
        epochs.append(epoch + 1)
        return outcome(0.5 if good else 0.1, settings, given_up=epoch < 7)

    study.run(measure)
    assert epochs[:6] == [8] * 6 and set(epochs[6:]) == {2}
    assert [record.state for record in study.records()] == ["done"] * 6 + ["given up"] * 6
    assert study.best().number < 6


def test_what_diverges_or_is_refused_is_a_trial_that_the_search_survives(tmp_path):
    study, calls = make(tmp_path, 4), []

    def measure(model, settings, tell):
        calls.append(model)
        if len(calls) == 1:
            raise Diverged("too fast")
        if len(calls) == 3:
            raise InputError("too large")
        return closeness(model, settings, tell)

    study.run(measure)
    assert [record.state for record in study.records()] == ["diverged", "done", "refused", "done"]
    assert study.records()[0].ndcg is None and study.best().number in (1, 3)


def test_a_mistake_that_every_trial_would_make_ends_the_search(tmp_path):
    study = make(tmp_path)

    def measure(model, settings, tell):
        raise InputError("There must be a library.")

    with pytest.raises(InputError, match="There must be a library"):
        study.run(measure)
    with pytest.raises(InputError, match="must have a trial that came to its end"):
        study.best()


def test_an_error_that_is_no_complaint_of_the_database_stays_what_it_is(tmp_path):
    study = make(tmp_path)

    def measure(model, settings, tell):
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        study.run(measure)
    assert study.records() == []


def test_another_search_in_the_same_file_is_refused(tmp_path):
    make(tmp_path)
    with pytest.raises(InputError, match=r"`--dataset` must be as when .* began: clicks. Received: other"):
        make(tmp_path, about={**ABOUT, "--dataset": "other"})


def test_the_file_may_have_any_name(tmp_path):
    file = tmp_path / "a{b}?c#d%20e.sqlite"
    Study(file, ABOUT, ("EASE",), 1).run(closeness)
    assert [entry.name for entry in tmp_path.glob("*.sqlite")] == [file.name]
    assert len(Study(file, ABOUT, ("EASE",), 1).records()) == 1


def test_what_the_test_pairs_said_is_kept(tmp_path):
    assert make(tmp_path).tested() is None
    said = {"number": 3, "hr": 0.5, "ndcg": 0.25, "seconds": 1.5, "file": "search.npz"}
    make(tmp_path).set_tested(said)
    assert make(tmp_path).tested() == said


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be read as one" * 20])
def test_a_file_that_is_no_search(content, tmp_path):
    (tmp_path / "search.sqlite").write_bytes(content)
    if not content:
        make(tmp_path, 1).run(closeness)
        return
    with pytest.raises(InputError, match=r"search.sqlite must be the file of a search.* Received: "):
        make(tmp_path)


def test_a_database_of_something_else_is_left_as_it_was(tmp_path):
    file = tmp_path / "search.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE customers (name)")
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"must be the file of a search.* other tables: customers"):
        make(tmp_path)
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["what?x=1", "50%41", "{x}", "a#b", "ü", "new\nline", "\udcff"])
def test_a_search_may_have_any_name(name, tmp_path):
    for trials in (1, 2):
        study = Study(tmp_path / name, ABOUT, ("EASE",), trials)
        study.run(closeness)
    assert len(study.records()) == 2 and [file.name for file in tmp_path.iterdir()] == [name]


def test_the_defaults_are_tried_although_their_trial_was_broken_off(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path).run(interrupted)
    study = make(tmp_path, 3)
    study.run(closeness)
    assert study.records()[0].settings["regularization"] == 1320.0
    assert len({record.settings["regularization"] for record in study.records()}) == 3


@pytest.mark.parametrize("outcome", [
    "garbage", '"x"', '"{}"', r'"{\"model\": \"EASE\"}"', '"[1]"',
    r'"{\"model\":\"X\",\"settings\":{},\"state\":\"done\",\"ndcg\":1,\"hr\":1,\"seconds\":1}"',
    r'"{\"model\":\"EASE\",\"settings\":{},\"state\":\"done\",\"ndcg\":1,\"hr\":1,\"seconds\":1}"',
    r'"{\"model\":\"EASE\",\"settings\":{\"regularization\":1},\"state\":\"done\",\"ndcg\":null,\"hr\":1,\"seconds\":1}"',
])  # fmt: skip
def test_a_forged_outcome_is_a_sentence(outcome, tmp_path):
    make(tmp_path, 1).run(closeness)
    with contextlib.closing(sqlite3.connect(tmp_path / "search.sqlite")) as connection, connection:
        connection.execute(
            "UPDATE trial_user_attributes SET value_json = ? WHERE key = ?", (outcome, "outcome")
        )
    with pytest.raises(InputError, match=r"search\.sqlite must be the file of a search"):
        make(tmp_path).records()


def test_a_mistake_of_ours_is_not_blamed_on_the_file(tmp_path):
    def measure(model, settings, tell):
        raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        make(tmp_path).run(measure)
