"""A process of a run: what it does again and what it does not, and what a kill costs it."""

import json

import pytest
from reproduction.grid import Grid
from reproduction.worker import Places, do_run, has_weights

from ncf_keras.base.locks import try_lock
from tests.reproduction.small_results import put

GRID = Grid("sample", epochs=2, patience=None)
RUN = GRID.network("GMF", 8, learning_rate=0.01)
# Nothing is learnt, so the first iteration is no better than none.
STOPPED = Grid("sample", epochs=3, patience=1).network("GMF", 8, learning_rate=1e-12)
BASELINE = GRID.baseline("ItemPop")


class Killed(BaseException):
    pass


@pytest.fixture
def places(tmp_path):
    return made(tmp_path)


def made(directory):
    found = Places("Data/", directory / "results", directory / "work")
    found.results.mkdir()
    found.work.mkdir()
    return found


@pytest.fixture(scope="module")
def finished(sample, tmp_path_factory):
    found = made(tmp_path_factory.mktemp("finished"))
    assert do_run(RUN, sample, found, lambda news: None)
    return found


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_finished_run_leaves_its_result_and_its_weights(finished):
    assert names(finished.results) == [f"{RUN.name}.json"]
    assert names(finished.work) == [f"{RUN.name}{suffix}" for suffix in (".h5", ".lock", ".options")]
    assert has_weights(RUN, finished.work)


def test_a_run_that_another_command_finished_is_not_trained_again(finished, sample):
    told = []
    for needed in (False, True):
        assert do_run(RUN, sample, finished, told.append, weights_needed=needed)
    assert told == []


def test_without_its_weights_a_finished_run_is_trained_again_only_if_they_are_needed(
    finished, sample, tmp_path
):
    places, told = made(tmp_path), []
    result = places.results / f"{RUN.name}.json"
    # As it stands there, to the last digit of the clock.
    result.write_bytes((finished.results / result.name).read_bytes())
    assert do_run(RUN, sample, places, told.append) and told == []
    assert do_run(RUN, sample, places, told.append, weights_needed=True)
    assert [iteration.number for iteration in told] == [0, 1]
    assert result.read_bytes() == (finished.results / result.name).read_bytes()
    for suffix in (".h5", ".options"):
        file = f"{RUN.name}{suffix}"
        assert (places.work / file).read_bytes() == (finished.work / file).read_bytes()


@pytest.mark.parametrize(("run", "epochs"), [(RUN, 2), (STOPPED, 1)], ids=["to the end", "stopped early"])
def test_a_kill_before_the_result_is_written_costs_no_epoch(places, sample, monkeypatch, run, epochs):
    documents, told = [], []

    def kill(path, document):
        documents.append(json.loads(json.dumps(document)))
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("reproduction.results.write_result", kill)
        with pytest.raises(Killed):
            do_run(run, sample, places, told.append)
    assert len(told) == epochs and names(places.results) == []
    assert do_run(run, sample, places, told.append)
    assert len(told) == epochs
    # The clock's figures are those of the first process too.
    assert [json.loads((places.results / f"{run.name}.json").read_text())] == documents
    assert not list(places.work.glob("*.checkpoint"))


def test_old_weights_count_until_new_ones_replace_them(finished, sample, places):
    for suffix in (".h5", ".options"):
        (places.work / f"{RUN.name}{suffix}").write_bytes((finished.work / f"{RUN.name}{suffix}").read_bytes())

    def kill(iteration):
        assert has_weights(RUN, places.work)
        raise Killed

    with pytest.raises(Killed):
        do_run(RUN, sample, places, kill)
    assert has_weights(RUN, places.work)


def test_weights_that_a_kill_left_without_their_options_do_not_count(sample, places, monkeypatch):
    old = GRID.network("GMF", 8, learning_rate=0.5)
    (places.work / f"{RUN.name}.h5").write_bytes(b"old")
    (places.work / f"{RUN.name}.options").write_text(json.dumps(old.options()))

    def save(model, path):
        path.write_bytes(b"new")
        raise Killed

    monkeypatch.setattr("reproduction.train_network.save_weights", save)
    with pytest.raises(Killed):
        do_run(RUN, sample, places, lambda news: None)
    assert not has_weights(RUN, places.work) and not has_weights(old, places.work)


def leave(places):
    """Leave what killed writers do of every file of the baseline's run, and of another one's."""
    for run in (BASELINE, RUN):
        for suffix in (".h5", ".options", ".checkpoint"):
            (places.work / f".writing-{run.name}{suffix}-abc.part").touch()
        (places.results / f".writing-{run.name}.json-abc.part").touch()


def leftovers(places):
    return {path.name for place in (places.results, places.work) for path in place.glob(".writing-*")}


@pytest.mark.parametrize("is_there", [False, True])
def test_what_a_killed_process_began_to_write_is_removed_and_nothing_of_other_runs(places, sample, is_there):
    leave(places)
    if is_there:
        put(places.results, BASELINE, [0, 1])
    assert do_run(BASELINE, sample, places)
    assert len(leftovers(places)) == 4 and all(RUN.name in name for name in leftovers(places))


def test_nothing_is_removed_from_under_another_process(places, sample):
    leave(places)
    with try_lock(places.work / f"{BASELINE.name}.lock"):
        assert not do_run(BASELINE, sample, places)
    assert len(leftovers(places)) == 8
