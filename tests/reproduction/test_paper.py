"""`run/paper.py`: mistakes, quick runs of what needs no training, signals; slowly, all on the sample."""

import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reproduction import command as paper
from reproduction.results import describe_dataset
from reproduction.runner import TimeIsUp
from reproduction.runs import TARGETS, Grid, quick_grid

from ncf_keras.data import sample_dataset
from tests.cli.running import run as train
from tests.reproduction.small_results import put
from tests.shared_files import PROJECT

pytest.importorskip("matplotlib")
QUICK, FULL = quick_grid(), Grid("sample")
HOW_MANY = len(QUICK.runs(TARGETS))


def everything_in(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def document(out, name):
    return json.loads((out / "runs" / "sample" / f"{name}-seed1.json").read_text())


@pytest.fixture(autouse=True)
def no_drawing(monkeypatch):
    """Leave the pictures out, which take most of the time of the pages."""
    monkeypatch.setattr("reproduction.report.draw", lambda panels, columns, path: path.write_bytes(b"PNG"))


def test_a_run_is_done_once_and_shown(tmp_path, capsys):
    words = ["--seed", "7", "--only", "ItemPop-seed7", "--quick", "--out", str(tmp_path)]
    assert paper.main([*words, "--dataset", "sample"]) == 0
    (path,) = (tmp_path / "runs" / "sample").iterdir()
    found = json.loads(path.read_text())
    assert (path.name, found["run"]["seed"]) == ("ItemPop-seed7.json", 7)
    hr = f"{found['test']['hr'][-1]:.4f}"
    assert f"| ItemPop |  | {hr} |" in (tmp_path / "baselines.md").read_text()
    printed = capsys.readouterr()
    assert printed.err == "sample: 0 of 1 runs are there.\n"
    line = rf"ItemPop-seed7: HR = {hr}, NDCG = 0\.\d{{4}} \[\d+\.\d s\]\nEverything is in .*README\.md\n"
    assert re.fullmatch(line, printed.out)
    content = path.read_bytes()
    (tmp_path / "baselines.md").unlink()
    assert paper.main(words) == 0
    assert capsys.readouterr().err == "sample: 1 of 1 runs are there.\n"
    assert path.read_bytes() == content and (tmp_path / "baselines.md").exists()


@pytest.mark.parametrize(
    ("arguments", "where"), [(["--quick"], "sample\n"), (["--dataset", "ml-1m"], "MovieLens (ml-1m)\n")]
)
def test_without_training_everything_is_written_from_what_is_there(tmp_path, capsys, arguments, where):
    (tmp_path / "runs" / "nonsense").mkdir(parents=True)
    assert paper.main([*arguments, "--no_training", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "table2.md").read_text()
    assert f"## {where}" in page and "| 8 | NeuMF | — | " in page and "nonsense" not in page
    many = HOW_MANY if "--quick" in arguments else len(Grid("ml-1m").runs(TARGETS))
    assert f"0 of {many} runs are there" in (tmp_path / "README.md").read_text()
    assert capsys.readouterr().out == f"Everything is in {tmp_path / 'README.md'}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--factors 8,12", "`--factors` must be some of 8, 16, 32, 64. Received: '8,12'"),
        ("--factors ''", "`--factors` must be some of 8, 16, 32, 64. Received: ''"),
        ("--only GMF-f9-seed1", "`--only` must be the name of a run: "),
        ("--only ''", "`--only` must be the name of a run: "),
        # Not ignored beside targets and factors: of their runs.
        ("table1 --only GMF-f8-seed1", "the targets and `--factors` name none. Received: 'GMF-f8-seed1'"),
        ("figure6 --only GMF-f8-seed1", "name GMF-f8-whole-seed1, MLP3-f8-whole-seed1, NeuMF-f8-whole-"),
        ("--factors 16 --only GMF-f8-seed1", "`--only` must be the name of a run: "),
        ("table1 --dataset nothing", "nothing.train.rating"),
        ("--dataset x/ml-1m", "`--dataset` must be a name without directories"),
        ("--dataset ''", "not of dots alone. Received: ''"),
        ("--dataset .. --no_training", "not of dots alone. Received: '..'"),
        ("--dataset 'a\nb' --no_training", "of printable characters and not of dots alone"),
        ("--quick --factors 16", "`--factors` must come without `--quick`. Received: '16'"),
        ("--quick --dataset pinterest", "`--dataset` must come without `--quick`. Received: 'pinterest'"),
        ("--quick --work there/", "`--work` must come without `--quick`. Received: 'there/'"),
        ("--quick --time_limit 5", "`--time_limit` must come without `--quick`. Received: 5.0"),
        ("--no_training --only x", "`--only` must come without `--no_training`. Received: 'x'"),
        ("--no_training --jobs 7", "`--jobs` must come without `--no_training`. Received: 7"),
    ],
)
def test_a_mistake_gets_a_sentence(tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Data").mkdir()
    assert sentence in refused(capsys, *shlex.split(words))
    assert [path.name for path in tmp_path.rglob("*")] == ["Data"]


def refused(capsys, *arguments):
    """Return the sentence with which the command ends."""
    assert paper.main(list(map(str, arguments))) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and len(printed.err.splitlines()) == 1
    return printed.err


def test_an_unknown_target_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        paper.main(["table5"])
    assert "table5" in capsys.readouterr().err


MADE = "that were made {} `--quick`, when it is run {}."
BY_QUICK, BY_FULL = MADE.format("with", "without"), MADE.format("without", "with")
REAL = Grid("ml-1m").network("GMF", 64)


@pytest.mark.parametrize(
    ("theirs", "flags", "rule"),
    [
        # Of a name that the quick grid does not have, too.
        (REAL, "--quick", "on other data than the sample"),
        (REAL, "--quick --no_training", "on other data than the sample"),
        (QUICK.network("GMF", 8), "--dataset sample --work work", BY_QUICK),
        (QUICK.network("GMF", 8, num_neg=1), "--dataset sample --work work", BY_QUICK),
        (QUICK.network("GMF", 8), "--dataset ml-1m --work work", BY_QUICK),
        (QUICK.baseline("iALS"), "--no_training", BY_QUICK),
        (FULL.network("GMF", 8), "--quick", BY_FULL),
        (FULL.network("GMF", 64), "--quick --no_training", BY_FULL),
    ],
)
def test_results_of_another_kind_are_not_mixed(tmp_path, capsys, theirs, flags, rule):
    put(tmp_path / "runs" / theirs.dataset, theirs, [0, 1])
    before = everything_in(tmp_path)
    sentence = refused(capsys, *flags.split(), "--out", tmp_path)
    assert f"`--out` must be a directory without results {rule}" in sentence
    assert f"Received: {tmp_path}, which has " in sentence
    assert "some on ml-1m" in sentence if theirs == REAL else f"{theirs.name}.json" in sentence
    assert everything_in(tmp_path) == before


def test_a_result_that_is_the_same_in_both_goes_with_both(tmp_path):
    assert QUICK.baseline("ItemPop") == FULL.baseline("ItemPop")
    put(tmp_path / "runs" / "sample", QUICK.baseline("ItemPop"), [0, 1])
    for flags in (["--quick"], ["--dataset", "sample"]):
        assert paper.main([*flags, "--no_training", "--out", str(tmp_path)]) == 0
        assert "| ItemPop |  | 1.0000 |" in (tmp_path / "baselines.md").read_text()
        (tmp_path / "baselines.md").unlink()


@pytest.mark.parametrize("flags", [["--quick"], ["--dataset", "sample", "--work", "work"]])
def test_what_needs_implicit_says_so_and_what_is_there_goes_without(tmp_path, monkeypatch, capsys, flags):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "implicit", None)
    for name in ("ItemKNN-seed1", "iALS-seed1"):
        sentence = refused(capsys, *flags, "--out", "out", "--only", name)
        assert f"run/paper.py must have the library `implicit` installed for {name}: pip install" in sentence
    assert not list(tmp_path.iterdir())
    grid = QUICK if "--quick" in flags else FULL
    put(tmp_path / "out" / "runs" / "sample", grid.baseline("ItemKNN"), [0] * 1000)
    found = document(tmp_path / "out", "ItemKNN") | {"dataset": describe_dataset(sample_dataset())}
    (tmp_path / "out" / "runs" / "sample" / "ItemKNN-seed1.json").write_text(json.dumps(found))
    assert paper.main([*flags, "--out", "out", "--only", "ItemKNN-seed1"]) == 0


@pytest.mark.parametrize("end", ["time", "interrupt", "failure"])
def test_how_processes_end_is_said(tmp_path, monkeypatch, capsys, end):
    def run_in_processes(plan, jobs, deadline):
        assert (jobs, deadline is None) == (3, end != "time")
        if end == "time":
            raise TimeIsUp
        if end == "interrupt":
            raise KeyboardInterrupt
        plan.give_up(plan.left[0], "ended with status 2")

    monkeypatch.setattr("reproduction.runner.run_in_processes", run_in_processes)
    words = "--only ItemPop-seed1 --dataset sample --jobs 3" + " --time_limit 1" * (end == "time")
    status = paper.main([*words.split(), "--out", f"{tmp_path}/out", "--work", f"{tmp_path}/work"])
    said, sentence = capsys.readouterr().err.splitlines()
    assert said == "sample: 0 of 1 runs are there."
    if end == "failure":
        assert (status, sentence) == (1, "error: ItemPop-seed1 ended with status 2")
    else:
        said_first = "Interrupted" if end == "interrupt" else "The time is up"
        assert sentence.startswith(
            f"{said_first}; the same command goes on from here: python run/paper.py --only I"
        )
        assert status == (130 if end == "interrupt" else 0)


def test_a_terminated_command_says_how_to_go_on_and_leaves_no_process(tmp_path):
    words = ["--only", "GMF-f8-seed1", "--dataset", "sample", "--out", "out", "--work", "work"]
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "run" / "paper.py"), *words],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr.readline() == "sample: 0 of 1 runs are there.\n"
    deadline = time.monotonic() + 30
    while not list(tmp_path.rglob("*.log")) and time.monotonic() < deadline:
        time.sleep(0.05)
    # Only the command, as `kill` does; a terminal would tell the run too.
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM and out == ""
    assert err == f"Interrupted; the same command goes on from here: python run/paper.py {' '.join(words)}\n"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert str(tmp_path).encode() not in path.read_bytes()


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """The directory of all that `--quick` does."""
    pytest.importorskip("implicit")
    out = tmp_path_factory.mktemp("everything")
    assert paper.main(["all", "--quick", "--out", str(out)]) == 0
    return out


@pytest.mark.slow
def test_everything_on_the_sample(everything):
    assert f"{HOW_MANY} of {HOW_MANY} runs are there" in (everything / "README.md").read_text()
    for number in (4, 5, 6, 7):
        table = (everything / f"table{number - 3}.md").read_text()
        assert re.search(r"^\| (8|here) \|.*\d", table, re.MULTILINE)
        assert (everything / f"figure{number}.png").stat().st_size > 10_000
        # A header and points of every line.
        assert len((everything / f"figure{number}.csv").read_text().splitlines()) > 6
    assert "| NeuMF is better than GMF | " in (everything / "claims.md").read_text()
    hr = document(everything, "NeuMF-f8-pretrained-adam")["test"]["hr"][-1]
    assert f"| 8 | NeuMF with pre-training, adam | {hr:.4f} | — |" in (everything / "table2.md").read_text()


@pytest.mark.slow
def test_the_command_beside_a_cell_repeats_it(everything, tmp_path):
    cell = document(everything, "MLP3-f8")
    program, script, *words = shlex.split(cell["command"])
    assert (program, script) == ("python", "run/MLP.py")
    done = train("MLP", *words, "--save_dir", tmp_path)
    assert done.status == 0, done.errors
    rounded = [(row[0], *(round(value, 4) for value in row[1:4])) for row in cell["iterations"]]
    assert done.iterations() == rounded

    # And that of a fused one.
    name = "NeuMF-f8-pretrained-adam"
    cell = document(everything, name)
    program, script, *words = shlex.split(cell["command"])
    assert (program, script) == ("python", "run/paper.py")
    (everything / "runs" / "sample" / f"{name}-seed1.json").unlink()
    assert paper.main([str(everything) if word == "again/" else word for word in words]) == 0
    again = document(everything, name)
    assert again["positions"] == cell["positions"] and again["best"] == cell["best"]
    # Without the seconds.
    assert [row[:4] for row in again["iterations"]] == [row[:4] for row in cell["iterations"]]
