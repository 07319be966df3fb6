"""What is left to do, in which order, in processes that fail, that others hold, that run out of time."""

import json
import subprocess
import sys
import time
from types import SimpleNamespace
from unittest import mock

import pytest
from reproduction import worker
from reproduction.runner import Plan, TimeIsUp, run_here, run_in_processes
from reproduction.runs import BASELINES, TARGETS, Grid, quick_grid
from reproduction.worker import Places, do_run, from_json, has_weights, to_json

from ncf_keras.base.errors import InputError
from ncf_keras.base.locks import try_lock
from tests.reproduction.small_results import put

GRID = Grid("hand")
GMF, MLP, FUSED = GRID.network("GMF", 8), GRID.network("MLP", 8), GRID.pretrained(8, "adam")
FUSED_BY_SGD = GRID.pretrained(8, "sgd")
# Needs no TensorFlow, so its process is quick.
QUICK = Grid("sample").baseline("ItemPop")
OTHERS_GMF = Grid("hand", epochs=2).network("GMF", 8)


@pytest.fixture
def places(tmp_path):
    found = Places("Data/", tmp_path / "results", tmp_path / "work")
    found.results.mkdir()
    found.work.mkdir()
    return found


def put_weights(places, run, options=None):
    (places.work / f"{run.name}.h5").write_bytes(b"weights")
    (places.work / f"{run.name}.options").write_text(json.dumps(options or run.options()))


def finish(run, places):
    """Write what a run leaves."""
    put(places.results, run, [0, 1])
    if run.model not in BASELINES:
        put_weights(places, run)


def test_a_finished_run_is_left_only_for_weights_that_another_one_needs(places):
    finish(GMF, places)
    put(places.results, MLP, [0, 1], seconds=3.0)
    plan = Plan([GMF, MLP], places)
    assert (plan.done, plan.left) == (2, [])
    assert Plan([GMF, MLP, FUSED], places).left == [MLP, FUSED]
    put_weights(places, GMF, OTHERS_GMF.options())
    assert Plan([GMF, MLP, FUSED], places).left == [GMF, MLP, FUSED]
    put(places.results, OTHERS_GMF, [0, 1])
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
    # A run survives the way to its process.
    for run in [*Grid("ml-1m").runs(TARGETS), *quick_grid().runs(TARGETS)]:
        assert from_json(to_json(run, places)) == (run, places)


def do_all(plan, work, jobs=2, **options):
    """Do a plan in stand-ins for processes, which end after `work` with its status; return which began."""
    started = []

    def start(run, places, jobs):
        started.append(run)
        status = work(run, places) or 0
        return SimpleNamespace(wait=lambda: status, terminate=lambda: None)

    run_in_processes(plan, jobs, time.monotonic() + 10, start, **options)
    return started


def lines(capsys):
    printed = capsys.readouterr()
    return [line.split(":")[0] for line in printed.out.splitlines()], printed.err.splitlines()


def test_runs_come_after_their_parents_unless_another_command_finished_them(places, capsys):
    runs = [GMF, MLP, FUSED, GRID.network("GMF", 64)]
    plan, again = Plan(runs, places), Plan(runs, places)
    assert do_all(plan, finish, jobs=1) == runs and plan.left == plan.problems == []
    assert lines(capsys) == ([run.name for run in runs], [])
    (places.results / f"{FUSED.name}.json").unlink()
    # What starts from it needs more than its result.
    (places.work / f"{MLP.name}.h5").unlink()
    assert do_all(again, finish) == [MLP, FUSED] and again.problems == []
    assert set(lines(capsys)[0]) == {run.name for run in runs}


def test_who_waits_for_another_command_is_told_so_once_and_the_others_are_done(places, capsys):
    tries = []

    def work(run, places):
        tries.append(run)
        return worker.TAKEN if run == GMF and tries.count(GMF) < 4 else finish(run, places)

    plan = Plan([GMF, MLP], places)
    assert do_all(plan, work, jobs=1, retry_seconds=0.01).count(GMF) == 4 and plan.problems == []
    waiting = f"{GMF.name}: another command is doing it; waiting for its result."
    assert lines(capsys) == ([MLP.name, GMF.name], [waiting])


def test_what_starts_from_a_failed_run_is_left_out_and_the_others_are_done(places, capsys):
    def work(run, places):
        (places.work / f"{run.name}.log").write_text("...\nerror: no such thing\n" * (run == GMF))
        return finish(run, places) if run == MLP else 2

    missing = Grid("hand", seed=2).baseline("ItemPop")
    plan = Plan([missing, GMF, MLP, FUSED, FUSED_BY_SGD], places)
    do_all(plan, work)
    assert sorted(plan.problems) == [
        f"{GMF.name} ended with status 2: no such thing ({places.work / GMF.name}.log has all)",
        f"{missing.name} ended with status 2: it printed nothing ({places.work / missing.name}.log has all)",
        f"{FUSED.name} was left out, because it starts from {GMF.name}",
        f"{FUSED_BY_SGD.name} was left out, because it starts from {GMF.name}",
    ]
    assert lines(capsys)[0] == [MLP.name]


@pytest.mark.parametrize("content", ["of other options", "damaged", "missing"])
def test_a_wrong_result_is_one_problem_of_many_runs(places, content, capsys):
    def work(run, places):
        if run != GMF:
            finish(run, places)
        elif content == "damaged":
            file.write_text("{}")
        elif content != "missing":
            put(places.results, OTHERS_GMF, [0, 1])

    file, plan = places.results / f"{GMF.name}.json", Plan([GMF, MLP, FUSED], places)
    do_all(plan, work)
    wrong, left_out = plan.problems
    assert wrong.startswith(f"{GMF.name} ended without a result of its own: {file} must be ")
    assert left_out == f"{FUSED.name} was left out, because it starts from {GMF.name}"
    assert lines(capsys)[0] == [MLP.name]


def test_no_process_outlives_the_deadline(places, monkeypatch):
    monkeypatch.setattr("reproduction.runner.GRACE_SECONDS", 0.2)
    processes = []

    def start(run, places, jobs):
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
        words = [sys.executable, "-S", "-c", f"{stubborn if run == GMF else 'import time'}; time.sleep(60)"]
        processes.append(subprocess.Popen(words, stdout=subprocess.PIPE))
        if run == GMF:
            processes[-1].stdout.readline()
        return processes[-1]

    with pytest.raises(TimeIsUp):
        run_in_processes(Plan([GMF, MLP], places), 2, time.monotonic() + 0.3, start)
    for process in processes:
        process.stdout.close()
    assert sorted(process.returncode for process in processes) == [-15, -9]


def test_a_terminal_shows_what_is_running(places, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert do_all(Plan([GMF], places), finish) == [GMF]
    assert capsys.readouterr().err == f"\r\x1b[K{GMF.name}; about {GMF.cost():.0f} s left\r\x1b[K"


def test_a_process_does_a_run_unless_another_one_has_it_or_it_fails(places, sample, capsys, monkeypatch):
    # Of another seed, so that its name is another one.
    lost = Grid("nowhere", seed=2).baseline("ItemPop")
    plan = Plan([lost, QUICK], places)
    run_in_processes(plan, 2)
    (problem,) = plan.problems
    assert problem.startswith(f"{lost.name} ended with status 2: ") and "nowhere.train.rating" in problem
    assert [path.name for path in places.results.iterdir()] == [f"{QUICK.name}.json"]
    by_process = capsys.readouterr().out.split("[")[0]
    (places.results / f"{QUICK.name}.json").unlink()
    with try_lock(places.work / f"{QUICK.name}.lock") as ours:
        assert ours and worker.main([to_json(QUICK, places)]) == worker.TAKEN
    run_here(Plan([QUICK], places), sample)
    assert capsys.readouterr().out.split("[")[0] == by_process
    run_here(Plan([QUICK], places), sample)
    assert capsys.readouterr().out == "" and worker.main([to_json(QUICK, places)]) == 0
    # An interrupted process ends without a word.
    monkeypatch.setattr(worker, "do_run", mock.Mock(side_effect=KeyboardInterrupt))
    assert worker.main([to_json(QUICK, places)]) == worker.FAILED and capsys.readouterr().err == ""


def test_in_this_process_too_a_failure_is_reported_and_the_others_are_done(places, monkeypatch, capsys):
    def stand_in(run, dataset, places):
        if run == GMF:
            raise InputError("`path` must be there. Received: nothing")
        finish(run, places)
        return run != QUICK

    monkeypatch.setattr("reproduction.runner.do_run", stand_in)
    plan = Plan([GMF, MLP, QUICK, FUSED], places)
    run_here(plan, None)
    assert lines(capsys)[0] == [MLP.name]
    assert plan.problems == [
        f"{GMF.name} ended with an error: `path` must be there. Received: nothing",
        f"{FUSED.name} was left out, because it starts from {GMF.name}",
        f"{QUICK.name} ended with an error: `--work` must be a directory that no other command is using. "
        f"Received: {places.work}",
    ]


@pytest.fixture
def trained(monkeypatch):
    """Stand in for the training of networks; return the runs trained."""
    calls = []

    def train_network(run, dataset, digest, work, tell):
        assert all(has_weights(parent, work) for parent in run.parents())
        calls.append(run)
        (work / f"{run.name}.checkpoint").touch()
        put_weights(Places("", work, work), run)
        row, figures = [0, 0.5, 0.25, 1.0, 2.0, 0.25], {"hr": 0.5, "ndcg": 0.25}
        ranks = dataset.test_users * 0
        return ranks, {"initial": figures, "iterations": [row], "best": {"iteration": 0, **figures}}

    monkeypatch.setattr("reproduction.train_network.train_network", train_network)
    return calls


def test_weights_that_are_gone_are_made_again_and_the_result_stays(places, sample, trained):
    assert do_run(FUSED, sample, places) and trained == [GMF, MLP, FUSED]
    results = {path: path.read_bytes() for path in places.results.iterdir()}
    assert {json.loads(content)["seconds"] for content in results.values()} == {2.25}
    assert not list(places.work.glob("*.checkpoint"))
    (places.work / f"{MLP.name}.options").unlink()
    for run in (FUSED, GMF):
        assert do_run(run, sample, places)
    assert trained == [GMF, MLP, FUSED]
    (places.results / f"{FUSED.name}.json").unlink()
    with try_lock(places.work / f"{MLP.name}.lock"):
        assert not do_run(FUSED, sample, places) and len(trained) == 3
    assert do_run(FUSED, sample, places) and trained[3:] == [MLP, FUSED]
    results.pop(places.results / f"{FUSED.name}.json")
    assert results == {path: path.read_bytes() for path in results}


def test_what_a_killed_process_began_to_write_is_removed_unless_one_is_at_it(places, sample):
    def leftovers():
        return [path.name for place in (places.results, places.work) for path in place.glob(".writing-*")]

    for run in (QUICK, GMF):
        for suffix in (".json", ".h5", ".options", ".checkpoint"):
            place = places.results if suffix == ".json" else places.work
            (place / f".writing-{run.name}{suffix}-abc.part").touch()
    with try_lock(places.work / f"{QUICK.name}.lock"):
        assert not do_run(QUICK, sample, places)
    assert len(leftovers()) == 8
    assert do_run(QUICK, sample, places)
    assert len(leftovers()) == 4 and all(GMF.name in name for name in leftovers())
