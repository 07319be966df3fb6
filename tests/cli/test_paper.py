"""`run/paper.py`: a few runs from beginning to end, mistakes, interruptions; slowly, all on the sample."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ncf_keras.cli import paper
from ncf_keras.paper.grid import TARGETS
from tests.cli.running import run as train
from tests.shared_files import PROJECT

pytest.importorskip("matplotlib")
FUSED = "NeuMF-f8-pretrained-adam"
RUNS = {"GMF-f8", "MLP3-f8", FUSED}


def quick(out, *arguments):
    return paper.main([*arguments, "--quick", "--out", str(out)])


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    out = tmp_path_factory.mktemp("paper")
    assert quick(out, "--only", f"{FUSED}-seed1") == 0
    return out


def document(out, name):
    return json.loads((out / "runs" / "sample" / f"{name}-seed1.json").read_text())


def test_a_run_takes_those_it_starts_from_and_nothing_else(fused):
    names = {path.stem.removesuffix("-seed1") for path in (fused / "runs" / "sample").iterdir()}
    assert names == RUNS
    hr = document(fused, FUSED)["test"]["hr"][-1]
    page = (fused / "table2.md").read_text()
    assert f"| 8 | NeuMF with pre-training, adam | {hr:.4f} | — |" in page
    assert "| 8 | NeuMF with pre-training, sgd | — | — |" in page


def test_the_command_beside_a_cell_repeats_it(fused, tmp_path):
    cell = document(fused, FUSED)
    program, script, *words = shlex.split(cell["command"])
    assert (program, script) == ("python", "run/NeuMF.py")
    done = train("NeuMF", *words, "--save_dir", tmp_path)
    assert done.status == 0, done.errors
    printed = [
        (number, f"{hr:.4f}", f"{ndcg:.4f}", f"{loss:.4f}") for number, hr, ndcg, loss in done.iterations()
    ]
    assert printed == [
        (row[0], f"{row[1]:.4f}", f"{row[2]:.4f}", f"{row[3]:.4f}") for row in cell["iterations"]
    ]
    assert done.end() == (
        cell["best"]["iteration"],
        round(cell["best"]["hr"], 4),
        round(cell["best"]["ndcg"], 4),
    )


def test_a_second_time_nothing_is_trained(fused, capsys):
    before = {path: path.stat().st_mtime_ns for path in (fused / "runs" / "sample").iterdir()}
    (fused / "table2.md").unlink()
    assert quick(fused, "--only", f"{FUSED}-seed1") == 0
    assert {path: path.stat().st_mtime_ns for path in (fused / "runs" / "sample").iterdir()} == before
    assert (fused / "table2.md").exists()
    assert capsys.readouterr().err == "sample: 3 of 3 runs are there.\n"


def test_without_training_everything_is_written_from_what_is_there(fused, tmp_path, capsys):
    assert quick(tmp_path, "all", "--no_training") == 0
    assert "| 8 | NeuMF | — | — |" in (tmp_path / "table2.md").read_text()
    assert "0 of 27 runs are there" in (tmp_path / "README.md").read_text()
    assert capsys.readouterr().out == f"Everything is in {tmp_path / 'README.md'}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--factors", "8,12"], "`--factors` must be some of 8, 16, 32, 64. Received: '8,12'"),
        (["--factors", ""], "`--factors` must be some of 8, 16, 32, 64. Received: ''"),
        (["--only", "GMF-f9-seed1"], "`--only` must be the name of a run: "),
        (["table1", "--dataset", "nothing"], "nothing.train.rating"),
        (["--dataset", "x/ml-1m"], "`--dataset` must be a name without directories"),
    ],
)
def test_a_mistake_gets_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Data").mkdir()
    assert paper.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and sentence in printed.err
    assert printed.out == "" and not list(tmp_path.rglob("*.json"))


def test_an_unknown_target_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        paper.main(["table5"])
    assert end.value.code == 2 and "table5" in capsys.readouterr().err


def test_the_targets_are_those_of_the_grid():
    assert (*TARGETS, "all") == paper.TARGETS


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_says_how_to_go_on_and_leaves_no_process(tmp_path, kill):
    words = ["--only", "GMF-f8-seed1", "--dataset", "sample", "--out", "out", "--work", "work"]
    command = [sys.executable, str(PROJECT / "run" / "paper.py"), *words]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr.readline() == "sample: 0 of 1 runs are there.\n"
    log = tmp_path / "work" / "sample" / "GMF-f8-seed1.log"
    deadline = time.monotonic() + 30
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    # Only the command, as `kill` does; a terminal would tell the run too.
    process.send_signal(kill)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + kill and out == ""
    assert err == f"Interrupted; the same command goes on from here: python run/paper.py {' '.join(words)}\n"
    assert not _processes_about(tmp_path)


def _processes_about(directory):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(str(directory).encode() in word for word in words):
            found.append(words)
    return found


@pytest.mark.slow
def test_everything_on_the_sample_within_three_minutes(tmp_path):
    pytest.importorskip("implicit")
    command = [sys.executable, str(PROJECT / "run" / "paper.py"), "all", "--quick", "--out", str(tmp_path)]
    started = time.monotonic()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert seconds < 180
    assert "27 of 27 runs are there" in (tmp_path / "README.md").read_text()
    for number in (1, 2, 3, 4):
        assert re.search(r"^\| (8|here) \|.*\d", (tmp_path / f"table{number}.md").read_text(), re.MULTILINE)
    for number in (4, 5, 6, 7):
        assert (tmp_path / f"figure{number}.png").stat().st_size > 10_000
        # A header and points of every line.
        assert len((tmp_path / f"figure{number}.csv").read_text().splitlines()) > 6
    assert "| NeuMF is better than GMF | " in (tmp_path / "claims.md").read_text()
