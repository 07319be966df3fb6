"""`run/paper.py`: a few runs from beginning to end, mistakes; slowly, all on the sample."""

import json
import re
import shlex
import subprocess
import sys

import pytest
from reproduction import command as paper, flags as paper_flags
from reproduction.grid import TARGETS, Grid, quick_grid

from tests.cli.running import run as train
from tests.reproduction.small_results import put
from tests.shared_files import PROJECT

pytest.importorskip("matplotlib")
FUSED = "NeuMF-f8-pretrained-adam"
RUNS = {"GMF-f8", "MLP3-f8", FUSED}
QUICK, FULL = quick_grid("sample"), Grid("sample")
HOW_MANY = len(QUICK.runs(TARGETS))


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
    cell = document(fused, "MLP3-f8")
    program, script, *words = shlex.split(cell["command"])
    assert (program, script) == ("python", "run/MLP.py")
    done = train("MLP", *words, "--save_dir", tmp_path)
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


def test_the_command_beside_a_fused_cell_repeats_it_elsewhere(fused, tmp_path, monkeypatch):
    cell = document(fused, FUSED)
    program, script, *words = shlex.split(cell["command"])
    assert (program, script) == ("python", "run/paper.py")
    monkeypatch.chdir(tmp_path)
    assert paper.main(words) == 0
    again = document(tmp_path / "again", FUSED)
    assert again["positions"] == cell["positions"] and again["best"] == cell["best"]
    # Without the seconds.
    assert [row[:4] for row in again["iterations"]] == [row[:4] for row in cell["iterations"]]


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
    assert f"0 of {HOW_MANY} runs are there" in (tmp_path / "README.md").read_text()
    assert capsys.readouterr().out == f"Everything is in {tmp_path / 'README.md'}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--factors", "8,12"], "`--factors` must be some of 8, 16, 32, 64. Received: '8,12'"),
        (["--factors", ""], "`--factors` must be some of 8, 16, 32, 64. Received: ''"),
        (["--only", "GMF-f9-seed1"], "`--only` must be the name of a run: "),
        (["--only", ""], "`--only` must be the name of a run: "),
        # Not ignored beside targets and factors: of their runs.
        (
            ["table1", "--only", "GMF-f8-seed1"],
            "the targets and `--factors` name none. Received: 'GMF-f8-seed1'",
        ),
        (
            ["figure6", "--only", "GMF-f8-seed1"],
            "name GMF-f8-whole-seed1, MLP3-f8-whole-seed1, NeuMF-f8-whole-",
        ),
        (["--factors", "16", "--only", "GMF-f8-seed1"], "`--only` must be the name of a run: "),
        (["table1", "--dataset", "nothing"], "nothing.train.rating"),
        (["--dataset", "x/ml-1m"], "`--dataset` must be a name without directories"),
        (["--dataset", ""], "not of dots alone. Received: ''"),
        (["--dataset", "."], "not of dots alone. Received: '.'"),
        (["--dataset", ".."], "not of dots alone. Received: '..'"),
        (["--dataset", "..", "--no_training"], "not of dots alone. Received: '..'"),
        (["--dataset", "a\nb", "--no_training"], "of printable characters and not of dots alone"),
        (["--quick", "--factors", "16"], "`--factors` must come without `--quick`. Received: '16'"),
        (["--quick", "--validation_factors", "8"], "`--validation_factors` must come without `--quick`. "),
        (
            ["--quick", "--dataset", "pinterest"],
            "`--dataset` must come without `--quick`. Received: 'pinterest'",
        ),
        (["--quick", "--path", "there/"], "`--path` must come without `--quick`. Received: 'there/'"),
        (["--quick", "--work", "there/"], "`--work` must come without `--quick`. Received: 'there/'"),
        (["--quick", "--jobs", "7"], "`--jobs` must come without `--quick`. Received: 7"),
        (["--quick", "--time_limit", "5"], "`--time_limit` must come without `--quick`. Received: 5.0"),
        (["--quick", "--only", "nonsense"], "`--only` must be the name of a run: "),
        (
            ["--no_training", "--only", "nonsense"],
            "`--only` must come without `--no_training`. Received: 'nonsense'",
        ),
        (["--no_training", "--factors", "16"], "`--factors` must come without `--no_training`. Received: '16'"),
        (["--no_training", "--jobs", "7"], "`--jobs` must come without `--no_training`. Received: 7"),
    ],
)
def test_a_mistake_gets_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Data").mkdir()
    assert paper.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and sentence in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == "" and [path.name for path in tmp_path.rglob("*")] == ["Data"]


def refused(capsys, *arguments):
    """Return the sentence with which the command ends."""
    capsys.readouterr()
    assert paper.main(list(map(str, arguments))) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and len(printed.err.splitlines()) == 1
    return printed.err


def everything_in(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_mistyped_dataset_leaves_nothing(tmp_path, capsys):
    places = ["--path", f"{tmp_path}/", "--out", tmp_path / "out", "--work", tmp_path / "work"]
    assert "nonsense.train.rating" in refused(capsys, "all", "--dataset", "nonsense", *places)
    assert not list(tmp_path.iterdir())


def test_a_directory_without_results_has_no_section(tmp_path):
    put(tmp_path / "runs" / "sample", QUICK.baseline("ItemPop"), [0, 1])
    (tmp_path / "runs" / "nonsense").mkdir()
    assert quick(tmp_path, "--no_training") == 0
    page = (tmp_path / "table2.md").read_text()
    assert "## sample\n" in page and "nonsense" not in page


def test_where_nothing_is_the_dataset_of_the_command_has_its_section(tmp_path):
    (tmp_path / "runs" / "nonsense").mkdir(parents=True)
    assert paper.main(["--no_training", "--dataset", "ml-1m", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "table2.md").read_text()
    assert "## MovieLens (ml-1m)\n" in page and "nonsense" not in page


@pytest.mark.parametrize("more", [[], ["--no_training"], ["--only", "ItemPop-seed1"]])
def test_a_quick_run_is_not_mixed_with_results_on_real_data(tmp_path, capsys, more):
    # Of a name that the quick grid does not have, too.
    put(tmp_path / "runs" / "ml-1m", Grid("ml-1m").network("GMF", 64), [0, 1])
    before = everything_in(tmp_path)
    sentence = refused(capsys, "--quick", "--out", tmp_path, *more)
    assert "`--out` must be a directory without results on other data than the sample" in sentence
    assert f"Received: {tmp_path}, which has some on ml-1m" in sentence
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize(
    ("theirs", "flags", "made"),
    [
        (QUICK.network("GMF", 8), ["--dataset", "sample"], "made with `--quick`, when it is run without"),
        (QUICK.network("GMF", 8, num_neg=1), ["--dataset", "sample"], "made with `--quick`"),
        (QUICK.network("GMF", 8), ["--dataset", "ml-1m"], "made with `--quick`"),
        (QUICK.baseline("iALS"), ["--no_training"], "made with `--quick`"),
        (FULL.network("GMF", 8), ["--quick"], "made without `--quick`, when it is run with."),
        (FULL.network("GMF", 64), ["--quick", "--no_training"], "made without `--quick`"),
    ],
)
def test_quick_results_and_others_of_the_sample_are_not_mixed(tmp_path, capsys, theirs, flags, made):
    put(tmp_path / "runs" / "sample", theirs, [0, 1])
    before = everything_in(tmp_path)
    work = [] if "--quick" in flags or "--no_training" in flags else ["--work", tmp_path / "work"]
    sentence = refused(capsys, *flags, "--out", tmp_path, *work)
    assert f"`--out` must be a directory without results that were {made}" in sentence
    assert f"Received: {tmp_path}, which has " in sentence and f"{theirs.name}.json" in sentence
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("flags", [["--quick"], ["--dataset", "sample"]])
def test_a_result_that_is_the_same_in_both_goes_with_both(tmp_path, flags):
    assert QUICK.baseline("ItemPop") == FULL.baseline("ItemPop")
    put(tmp_path / "runs" / "sample", QUICK.baseline("ItemPop"), [0, 1])
    assert paper.main([*flags, "--no_training", "--out", str(tmp_path)]) == 0
    assert "| ItemPop |  | 1.0000 |" in (tmp_path / "baselines.md").read_text()


def test_a_quick_run_takes_a_seed(tmp_path):
    assert quick(tmp_path, "--seed", "7", "--only", "ItemPop-seed7", "--dataset", "sample") == 0
    (path,) = (tmp_path / "runs" / "sample").iterdir()
    found = json.loads(path.read_text())
    assert (path.name, found["run"]["seed"]) == ("ItemPop-seed7.json", 7)
    assert f"| ItemPop |  | {found['test']['hr'][-1]:.4f} |" in (tmp_path / "baselines.md").read_text()


def take_implicit_away(monkeypatch):
    for module in ("implicit", "implicit.als", "implicit.nearest_neighbours"):
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize("flags", [["--quick"], ["--dataset", "sample", "--work", "work"]])
@pytest.mark.parametrize("name", ["ItemKNN-seed1", "iALS-seed1"])
def test_what_needs_implicit_says_so_beforehand(tmp_path, monkeypatch, capsys, flags, name):
    monkeypatch.chdir(tmp_path)
    take_implicit_away(monkeypatch)
    sentence = refused(capsys, *flags, "--out", "out", "--only", name)
    assert f"run/paper.py must have the library `implicit` installed for {name}: pip install" in sentence
    assert not list(tmp_path.iterdir())


def test_what_needs_no_implicit_or_is_there_goes_without_it(tmp_path, monkeypatch):
    pytest.importorskip("implicit")
    assert quick(tmp_path, "--only", "ItemKNN-seed1") == 0
    take_implicit_away(monkeypatch)
    for name in ("ItemKNN", "ItemPop"):
        assert quick(tmp_path, "--only", f"{name}-seed1") == 0
        assert (tmp_path / "runs" / "sample" / f"{name}-seed1.json").exists()


def test_an_unknown_target_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        paper.main(["table5"])
    assert end.value.code == 2 and "table5" in capsys.readouterr().err


def test_the_targets_are_those_of_the_grid():
    assert (*TARGETS, "all") == paper_flags.TARGETS


@pytest.mark.slow
def test_everything_on_the_sample(tmp_path):
    pytest.importorskip("implicit")
    command = [sys.executable, str(PROJECT / "run" / "paper.py"), "all", "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert f"{HOW_MANY} of {HOW_MANY} runs are there" in (tmp_path / "README.md").read_text()
    for number in (1, 2, 3, 4):
        assert re.search(r"^\| (8|here) \|.*\d", (tmp_path / f"table{number}.md").read_text(), re.MULTILINE)
    for number in (4, 5, 6, 7):
        assert (tmp_path / f"figure{number}.png").stat().st_size > 10_000
        # A header and points of every line.
        assert len((tmp_path / f"figure{number}.csv").read_text().splitlines()) > 6
    assert "| NeuMF is better than GMF | " in (tmp_path / "claims.md").read_text()


def test_a_run_of_another_command_is_waited_for_in_words(tmp_path, monkeypatch, capsys):
    def another_has_it(plan, places, jobs, on_finished, on_tick, on_taken, deadline):
        on_taken(plan.left[0])
        return []

    monkeypatch.setattr("reproduction.runner.run_in_processes", another_has_it)
    directories = ("--out", str(tmp_path / "out"), "--work", str(tmp_path / "work"))
    assert paper.main(["--only", "ItemPop-seed1", "--dataset", "sample", *directories]) == 0
    waiting = "ItemPop-seed1: another command is doing it; waiting for its result."
    assert waiting in capsys.readouterr().err.splitlines()
