"""The runner: what is left, in which order, in processes that fail, that others hold, that run out of time."""

import json
import subprocess
import threading
import time

import pytest
from reproduction import worker
from reproduction.grid import Grid
from reproduction.runner import Plan, TimeIsUp, run_here, run_in_processes
from reproduction.worker import Places

from ncf_keras.base.errors import InputError
from ncf_keras.base.locks import try_lock
from tests.reproduction.small_results import put

GRID = Grid("hand")
GMF, MLP, FUSED = GRID.network("GMF", 8), GRID.network("MLP", 8), GRID.pretrained(8, "adam")
FUSED_BY_SGD = GRID.pretrained(8, "sgd")
# Needs no TensorFlow, so its process is quick.
QUICK = Grid("sample").baseline("ItemPop")


@pytest.fixture
def places(tmp_path):
    found = Places("Data/", tmp_path / "results", tmp_path / "work")
    found.results.mkdir()
    found.work.mkdir()
    return found


def put_weights(places, run, options=None):
    (places.work / f"{run.name}.h5").write_bytes(b"weights")
    (places.work / f"{run.name}.options").write_text(json.dumps(options or run.options()))


def test_a_finished_run_is_not_left(places):
    put(places.results, GMF, [0, 1])
    plan = Plan([GMF, MLP], places)
    assert (plan.done, plan.left) == (1, [MLP])


def test_a_fusion_waits_for_the_weights_of_both(places):
    plan = Plan([GMF, MLP, FUSED], places)
    assert plan.is_ready(GMF) and not plan.is_ready(FUSED)
    for run in (GMF, MLP):
        put(places.results, run, [0, 1])
        put_weights(places, run)
    plan = Plan([GMF, MLP, FUSED], places)
    assert plan.left == [FUSED] and plan.is_ready(FUSED)


def test_a_finished_parent_without_weights_is_trained_again_for_them(places):
    put(places.results, GMF, [0, 1])
    put(places.results, MLP, [0, 1])
    put_weights(places, MLP)
    plan = Plan([GMF, MLP, FUSED], places)
    assert plan.left == [GMF, FUSED] and not plan.is_ready(FUSED)


def test_weights_of_other_options_do_not_count(places):
    put(places.results, GMF, [0, 1])
    put(places.results, MLP, [0, 1])
    put_weights(places, MLP)
    put_weights(places, GMF, Grid("hand", epochs=2).network("GMF", 8).options())
    assert Plan([GMF, MLP, FUSED], places).left == [GMF, FUSED]


def test_nothing_is_trained_over_a_result_of_other_options(places):
    put(places.results, Grid("hand", epochs=2).network("GMF", 8), [0, 1])
    with pytest.raises(InputError, match="must be of a run with epochs 50"):
        Plan([GMF], places)


def test_the_time_left_follows_what_finished_runs_took(places):
    put(places.results, GMF, [0, 1], seconds=3 * GMF.cost())
    plan = Plan([GMF, MLP], places)
    assert plan.seconds_left(1) == pytest.approx(3 * MLP.cost())
    # One run can't be shared by two processes.
    assert plan.seconds_left(2) == pytest.approx(3 * MLP.cost())
    assert plan.seconds_left(1, elapsed=MLP.cost()) == pytest.approx(2 * MLP.cost())
    assert plan.seconds_left(1, elapsed=100 * MLP.cost()) == 0


def test_what_starts_from_a_failed_run_is_dropped(places):
    plan = Plan([GMF, MLP, FUSED], places)
    assert plan.give_up(GMF) == [FUSED]
    assert plan.left == [MLP]


def test_weights_that_vanish_after_planning_are_made_again(places):
    for run in (GMF, MLP):
        put(places.results, run, [0, 1])
        put_weights(places, run)
    plan = Plan([GMF, MLP, FUSED], places)
    (places.work / f"{MLP.name}.options").unlink()
    assert not plan.is_ready(FUSED)
    # A fusion in progress has read them.
    plan.take_back(started=[FUSED])
    assert plan.left == [FUSED]
    plan.take_back()
    assert plan.left == [MLP, FUSED] and plan.needs_weights(MLP) and not plan.is_done(MLP)


def test_what_has_started_from_a_run_outlives_its_failure(places):
    plan = Plan([GMF, MLP, FUSED, FUSED_BY_SGD], places)
    assert plan.give_up(GMF, started=[FUSED]) == [FUSED_BY_SGD]
    assert plan.left == [MLP, FUSED]


def test_a_run_is_done_when_it_has_all_that_is_needed_of_it(places):
    plan = Plan([GMF, MLP, FUSED], places)
    for run in (GMF, FUSED):
        assert not plan.is_done(run)
        put(places.results, run, [0, 1])
    assert plan.is_done(FUSED) and not plan.is_done(GMF)
    put_weights(places, GMF)
    assert plan.is_done(GMF)


def run_all(plan, places, jobs=2, deadline=None, on_taken=lambda run: None):
    finished = []
    problems = run_in_processes(
        plan,
        places,
        jobs,
        lambda run, result: finished.append((run.name, result.hr)),
        lambda running, seconds: None,
        on_taken,
        deadline,
    )
    return finished, problems


def test_a_process_does_a_run_and_what_is_there_is_not_done_again(places, sample):
    finished, problems = run_all(Plan([QUICK], places), places)
    assert (len(finished), problems) == (1, [])
    file = places.results / f"{QUICK.name}.json"
    before = file.stat().st_mtime_ns
    here = []
    run_here(Plan([QUICK], places), sample, places, lambda run, result: here.append(run))
    assert here == [] and file.stat().st_mtime_ns == before
    file.unlink()
    run_here(Plan([QUICK], places), sample, places, lambda run, result: here.append((run.name, result.hr)))
    assert here == finished


def test_a_run_that_fails_is_reported_and_the_others_are_done(places):
    # Of another seed, so that its name is another one.
    lost = Grid("nowhere", seed=2).baseline("ItemPop")
    finished, (problem,) = run_all(Plan([lost, QUICK], places), places)
    assert [name for name, _ in finished] == [QUICK.name]
    assert problem.startswith(f"{lost.name} ended with status 2: ") and "nowhere.train.rating" in problem
    assert not (places.results / f"{lost.name}.json").exists()


def test_a_run_that_another_process_has_is_waited_for(places, monkeypatch):
    monkeypatch.setattr("reproduction.runner.RETRY_SECONDS", 0.5)
    with try_lock(places.work / f"{QUICK.name}.lock") as ours:
        assert ours
        with try_lock(places.work / f"{QUICK.name}.lock") as too:
            assert not too
        with pytest.raises(TimeIsUp):
            run_all(Plan([QUICK], places), places, deadline=time.monotonic() + 2.5)
        assert not (places.results / f"{QUICK.name}.json").exists()
        # The other process ends it.
        other = threading.Timer(0.5, put, (places.results, QUICK, [0, 1]))
        other.start()
        finished, problems = run_all(Plan([QUICK], places), places, deadline=time.monotonic() + 60)
        other.join()
    assert finished == [(QUICK.name, 1.0)] and problems == []


def test_no_process_outlives_the_deadline(places):
    long = Grid("sample", epochs=100_000, patience=None).network("GMF", 8)
    with pytest.raises(TimeIsUp):
        run_all(Plan([long], places), places, deadline=time.monotonic() + 1)
    with try_lock(places.work / f"{long.name}.lock") as free:
        assert free


def finish(run, places):
    """Write what a run leaves; a result that is there stays."""
    if not (places.results / f"{run.name}.json").exists():
        put(places.results, run, [0, 1])
    if run.model != "ItemPop":
        put_weights(places, run)


@pytest.fixture
def done(monkeypatch):
    """Let processes be calls of `worker.main` that train nothing; return the runs done, with their flags."""
    calls = []

    def do_run(run, dataset, places, tell, weights_needed):
        calls.append((run, weights_needed))
        finish(run, places)
        return True

    class Process:
        def __init__(self, command, **options):
            assert command[1:3] == ["-m", "reproduction.worker"]
            self._status = worker.main(command[3:])

        def poll(self):
            return self._status

    monkeypatch.setattr(worker, "do_run", do_run)
    monkeypatch.setattr(worker, "read_data", lambda path, name: None)
    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setattr("reproduction.runner.POLL_SECONDS", 0.0)
    return calls


def soon():
    return time.monotonic() + 10


def test_a_process_is_told_whether_the_weights_are_needed(places, done):
    finished, problems = run_all(Plan([GMF, MLP, FUSED], places), places, deadline=soon())
    assert done == [(GMF, True), (MLP, True), (FUSED, False)]
    assert [name for name, _ in finished] == [GMF.name, MLP.name, FUSED.name] and problems == []


def test_what_another_command_finished_after_planning_is_not_started(places, done):
    plan = Plan([GMF, MLP, QUICK, FUSED], places)
    for run in (GMF, QUICK):
        finish(run, places)
    # Finished as well, but what starts from it needs more.
    put(places.results, MLP, [0, 1])
    finished, problems = run_all(plan, places, deadline=soon())
    assert done == [(MLP, True), (FUSED, False)]
    assert {name for name, _ in finished} == {run.name for run in (GMF, MLP, QUICK, FUSED)} and problems == []


def test_who_waits_for_another_command_is_told_so_once(places, done, monkeypatch):
    tries, taken = [], []

    def do_run(run, dataset, places, tell, weights_needed):
        tries.append(run)
        if tries.count(run) < 4 and run == GMF:
            return False
        finish(run, places)
        return True

    monkeypatch.setattr(worker, "do_run", do_run)
    monkeypatch.setattr("reproduction.runner.RETRY_SECONDS", 0.0)
    finished, problems = run_all(Plan([GMF, MLP], places), places, deadline=soon(), on_taken=taken.append)
    assert tries.count(GMF) == 4 and taken == [GMF]
    assert sorted(name for name, _ in finished) == [GMF.name, MLP.name] and problems == []


@pytest.mark.parametrize("listed", [True, False])
def test_a_parent_that_lost_its_weights_after_planning_is_not_waited_for_in_vain(places, done, listed):
    for run in (GMF, MLP):
        finish(run, places)
    plan = Plan([GMF, MLP, FUSED] if listed else [FUSED], places)
    assert plan.left == [FUSED]
    (places.work / f"{GMF.name}.h5").unlink()
    finished, problems = run_all(plan, places, deadline=soon())
    assert done == [(GMF, True), (FUSED, False)]
    assert [name for name, _ in finished] == [GMF.name, FUSED.name] and problems == []


@pytest.mark.parametrize("content", ["of other options", "damaged"])
def test_a_wrong_result_of_another_command_is_one_problem_of_many_runs(places, done, content):
    plan = Plan([GMF, MLP, FUSED], places)
    put(places.results, Grid("hand", epochs=2).network("GMF", 8), [0, 1])
    put_weights(places, GMF)
    file = places.results / f"{GMF.name}.json"
    if content == "damaged":
        file.write_text("{}")
    # That one is given up with what it starts from.
    finish(FUSED, places)
    finished, problems = run_all(plan, places, deadline=soon())
    assert [name for name, _ in finished] == [MLP.name]
    assert problems[0].startswith(f"{GMF.name} ended without a result of its own: {file} must be ")
    assert problems[1:] == [f"{FUSED.name} was left out, because it starts from {GMF.name}"]


def test_in_this_process_too_a_failure_is_reported_and_the_others_are_done(places, monkeypatch):
    def do_run(run, dataset, places, tell, weights_needed):
        if run == GMF:
            raise InputError("`path` must be there. Received: nothing")
        finish(run, places)
        return run != QUICK

    monkeypatch.setattr("reproduction.runner.do_run", do_run)
    finished = []
    problems = run_here(
        Plan([GMF, MLP, QUICK, FUSED], places), None, places, lambda run, result: finished.append(run)
    )
    assert finished == [MLP]
    assert problems == [
        f"{GMF.name} ended with an error: `path` must be there. Received: nothing",
        f"{FUSED.name} was left out, because it starts from {GMF.name}",
        f"{QUICK.name} ended with an error: `--work` must be a directory that no other command is using. "
        f"Received: {places.work}",
    ]


def test_in_this_process_too_lost_weights_are_made_again_and_nothing_else(places, monkeypatch):
    done = []

    def do_run(run, dataset, places, tell, weights_needed):
        done.append((run, weights_needed))
        finish(run, places)
        return True

    monkeypatch.setattr("reproduction.runner.do_run", do_run)
    for run in (GMF, MLP):
        finish(run, places)
    plan = Plan([GMF, MLP, FUSED], places)
    (places.work / f"{MLP.name}.h5").unlink()
    assert run_here(plan, None, places, lambda run, result: None) == []
    assert done == [(MLP, True), (FUSED, False)]
