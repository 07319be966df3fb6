"""`--strategy`: what `TF_CONFIG` must be, and two worker processes under the training command."""

import json
import re

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli.cluster import parse_cluster
from ncf_keras.cli.console import WORKER_LOST
from tests.cli.running import INIT, LOADED, Run, run
from tests.loopback_workers import workers
from tests.shared_files import PROJECT
from tests.small_data import write_random_files

PATIENCE = 120
EPOCHS = 100


def config(index=1, kind="worker", **jobs):
    return json.dumps({"cluster": jobs or {"worker": ["a:1", "b:1"]}, "task": {"type": kind, "index": index}})


def test_the_first_worker_is_the_chief():
    clusters = [parse_cluster(config(index)) for index in (0, 1)]
    assert [cluster.is_chief for cluster in clusters] == [True, False]
    assert {cluster.num_workers for cluster in clusters} == {2}


@pytest.mark.parametrize("text", [
    "", "[]", "null", "{}", "[" * 100_000, config(2), config(-1), config("0"), config(True), config(kind="ps"),
    config(worker=[]), config(0, worker=["a:1", "a:1"]), config(0, worker=["a"]), config(0, worker=[1]),
    config(0, worker=["a:1"], ps=["b:1"]), config(0, worker="a:1"),
])  # fmt: skip
def test_a_wrong_tf_config_is_refused(text):
    with pytest.raises(InputError, match=r"`TF_CONFIG` must .* Received: "):
        parse_cluster(text)


@pytest.mark.parametrize(("flags", "sentence"), [
    (("--strategy", "multiworker"), "`--seed` must be given"),
    (("--strategy", "multiworker", "--seed", 1), "`TF_CONFIG` must"),
    (("--strategy", "mirrored", "--engine", "keras"), "`--engine` must be compiled"),
    (("--strategy", "mirrored", "--sampler", "device"), "`--sampler` must be host or auto with `--strategy`"),
    (("--shards", 4, "--engine", "keras"), "`--shards` must be 1 with the keras engine"),
])  # fmt: skip
def test_flags_that_do_not_go_together_are_refused(flags, sentence, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    result = run("GMF", "--dataset", "sample", "--epochs", 0, "--out", 0, *flags)
    assert (result.status, result.lines) == (2, []) and sentence in result.errors


@pytest.mark.slow
def test_a_worker_is_killed_and_one_process_goes_on(tmp_path):
    """The chief's lines are those of one process; it says in words that a worker is gone; the run goes on."""
    run_flags = (*write_random_files(tmp_path), "--seed", 1, "--batch_size", 64, "--num_factors", 4)
    flags = (*run_flags, "--save_dir", tmp_path / "saved", "--checkpoint_dir", tmp_path / "state")
    command = [PROJECT / "run" / "GMF.py", *flags, "--strategy", "multiworker", "--epochs", EPOCHS]
    with workers(2, command) as (chief, other):
        printed = Run(0, [], "")
        while len(printed.iterations()) < 2:
            line = chief.stdout.readline()
            assert line, chief.stderr.read()
            printed.lines.append(line.rstrip())
        other.kill()
        rest, errors = chief.communicate(timeout=PATIENCE)
        other_output = other.stdout.read()
    printed.lines.extend(rest.splitlines())
    assert chief.returncode == WORKER_LOST
    assert re.fullmatch(LOADED, printed.lines[0]) and re.fullmatch(INIT, printed.lines[1])
    sentence = r"^error: another worker is gone \(.+\)\. The same command with `--resume` goes on"
    assert re.search(sentence, errors, re.M) and "Traceback" not in errors
    assert other_output == ""

    resumed = run("GMF", *flags, "--resume", "--epochs", EPOCHS)
    assert resumed.status == 0
    alone = run("GMF", *run_flags, "--shards", 16, "--out", 0, "--epochs", EPOCHS).iterations()
    assert 2 <= len(printed.iterations()) < EPOCHS
    for figures in (printed.iterations(), resumed.iterations()):
        np.testing.assert_allclose(figures, alone[: len(figures)], atol=2e-3)
        np.testing.assert_allclose(np.array(figures)[:, 3], np.array(alone)[: len(figures), 3], atol=1.1e-4)
    assert len(resumed.iterations()) == EPOCHS


@pytest.mark.slow
def test_two_workers_go_on_from_the_checkpoint_of_one_process(tmp_path):
    flags = (*write_random_files(tmp_path), "--seed", 1, "--batch_size", 64, "--num_factors", 4, "--out", 0)
    assert run("GMF", *flags, "--epochs", 3, "--checkpoint_dir", tmp_path / "first").status == 0
    warm = (*flags, "--epochs", 4, "--warm_start", tmp_path / "first")
    with workers(2, [PROJECT / "run" / "GMF.py", *warm, "--strategy", "multiworker"]) as (chief, other):
        lines, errors = chief.communicate(timeout=PATIENCE)
        assert other.communicate(timeout=PATIENCE)[0] == ""
    assert chief.returncode == other.returncode == 0, errors
    alone = run("GMF", *warm, "--shards", 16)
    note = "of the items 30 kept, 0 folded in, 0 as drawn; the learner goes on after 30 steps"
    assert note in errors and note in alone.errors
    figures = np.array(Run(0, lines.splitlines(), errors).iterations())
    np.testing.assert_allclose(figures, alone.iterations(), atol=1.1e-4)
