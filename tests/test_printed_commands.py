"""Every command that README and the pages print has flags that are there; what can run is run as printed."""

import argparse
import configparser
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ncf_keras.cli.commands import COMMANDS
from ncf_keras.cli.ncf import main as ncf
from ncf_keras.cli.training_options import model_options, training_spec
from tests.printed_commands import PAGES, Printed, command_lines, printed_commands
from tests.shared_files import PROJECT, shared

PRINTED = printed_commands()
SCRIPTS = {f"run/{name}.py": name.lower() for name in ("GMF", "MLP", "NeuMF", *COMMANDS)}
OTHER_SCRIPTS = {"run/paper.py": "reproduction.command", "run/FeedforwardEmbed.py": "explicit_ratings.command"}
# What is not run from here, and why; the flags are looked at all the same.
NOT_RUN = (
    (r"docs/guide.md: .*", "tests/test_guide.py runs it"),
    (r"docs/coming_from.md: .*", "the commands of docs/guide.md, on the reader's own log"),
    (r"docs/paper/.*", "hours: the pages are written from the results of these commands"),
    (r".*: (pip install|python3 -m venv|\. |ruff|mypy|pytest$).*", ".ci/run does"),
    (r".*: (pytest|python -m pytest|jupyter|mkdocs) .*", "it runs tests or makes pages, not this package"),
    (r".*: docker .*", "needs the server's image, which is not at hand"),
    (r".*: curl .*|.*(ncf ask|run/ask.py) .*", "tests/serving/client/test_documented.py asks the stub"),
    (r".*: (awk|cat|head|cp|grep|gzip|printf|git)( .*)?", "the shell's own"),
    (
        r".*: python3 -c .*|.*: ncf prepare - .*",
        "tests/data/test_public_layouts.py pipes the one into the other",
    ),
    (r".*: ncf prepare logs/.*", "needs logs; tests/data/logs/test_files.py reads directories of parts"),
    (r".*run/download.py .*|.*ncf download .*", "needs a network; tests/data/test_download.py serves it"),
    (
        r".*run/benchmarks/.*",
        "minutes, on an idle machine; tests/benchmarks/test_smoke.py runs --quick",
    ),
    (r".*run/experiments/.*", "minutes to hours; tests/experiments run their parts"),
    (r".*run/paper.py .*", "hours; tests/reproduction/test_paper.py runs it with --quick"),
    (r".*run/FeedforwardEmbed.py .*", "minutes; tests/explicit_ratings run it on fewer ratings"),
    (
        r".*--preset tuned.*",
        "five minutes; tests/training/test_tuned.py does it small",
    ),
    (
        r".*: ncf tune .*|.*--preset pretrain/.*|.*: ncf compare IALS.npz .*",
        "minutes; tests/cli/test_tune.py searches small data",
    ),
    (r".*--strategy multiworker.*", "several processes; tests/cli/test_cluster.py starts them"),
    (r".*ncf .*theirs\.keras .*", "a model of the page's Python; tests/weights/test_page.py runs them"),
    (r".*: ncf browse( .*)?", "a server; tests/browsing ask it"),
    (r".*--dataset big .*", "100 million interactions"),
    (r".*ncf prepare Data/log-.*", "10 and 100 million rows; tests/data/large compares small logs"),
    (r".*: python -c .*of-10m.*", "needs the files of both"),
    (
        r".*--protocol cold.*",
        "needs a model with item features; tests/cli/test_cold_protocol.py evaluates baselines",
    ),
    (r".*--engine ray.*", "processes of Ray; pytest -m slow tests/cli/test_all_lists.py starts them"),
    (r".*--new_(items|users) .*", "needs a model with features; tests/cli/test_recommend.py asks one"),
    (r".*--recent .*", "minutes, with timestamps; tests/cli/test_recent.py trains on small data"),
    (r".*ncf prepare .*--item_features .*", "needs MovieLens; tests/cli/test_feature_flags.py reads its files"),
    (r".*--item_features .*", "needs lists of ids; tests/cli/test_recommend.py steers"),
)
# What stands for something of the reader's, where the command is read and where it is run.
STAND_INS = {"S": "1", "LEARNER": "sgd", "$newest": "FILE"}


def why_not(command):
    return next((reason for pattern, reason in NOT_RUN if re.fullmatch(pattern, str(command), re.DOTALL)), None)


def arguments_of(command):
    """Return the name of a command of `ncf` and its arguments, or None for another program."""
    words = [STAND_INS.get(word, word) for word in command.words]
    if words[0] == "ncf":
        return words[1], words[2:]
    if words[0] == "python" and words[1] in SCRIPTS:
        return SCRIPTS[words[1]], words[2:]
    return None


def on_the_sample(command):
    """Return whether a command is quick, with the sample for a dataset and its NeuMF for a file."""
    name, arguments = arguments_of(command) or ("", [])
    if name in ("evaluate", "compare", "convert", "recommend"):
        return not any(word.startswith("pretrain/") for word in arguments)
    return "sample" in arguments or (name == "prepare" and arguments[0] == "clicks.csv")


FAST = [command for command in PRINTED if not why_not(command) and on_the_sample(command)]
SLOW = [command for command in PRINTED if not why_not(command) and not on_the_sample(command)]


class Parsed(BaseException):
    """Thrown out of a program as soon as its flags are read."""


@pytest.fixture
def flags_of(monkeypatch):
    """A function that reads a command line of ours as the command would, and does no more."""
    parse_args = argparse.ArgumentParser.parse_args

    def stop(*args, **options):
        raise Parsed(parse_args(*args, **options))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.syspath_prepend(str(PROJECT / "run/benchmarks"))
    monkeypatch.syspath_prepend(str(PROJECT / "run/experiments"))

    def main_of(script):
        if script in OTHER_SCRIPTS:
            return importlib.import_module(OTHER_SCRIPTS[script]).main
        spec = importlib.util.spec_from_file_location("printed_script", PROJECT / script)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main

    def read(command):
        ours = arguments_of(command)
        with pytest.raises(Parsed) as parsed:
            if ours:
                COMMANDS[ours[0]].main(ours[1])
            else:
                main_of(command.words[1])(list(command.words[2:]))
        (flags,) = parsed.value.args
        if ours and ours[0] in ("gmf", "mlp", "neumf"):
            model_options(flags), training_spec(flags)

    return read


def is_ours(command):
    return arguments_of(command) or (command.words[0] == "python" and command.words[1].startswith("run/"))


def test_the_flags_of_every_command_are_there(flags_of, capsys):
    for command in filter(is_ours, PRINTED):
        try:
            flags_of(command)
        except SystemExit:
            pytest.fail(f"{command}\n{capsys.readouterr().err}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_line_that_begins_with_a_command_of_ours_is_passed_over(page):
    text = page.read_text(encoding="utf-8")
    taken = [line for line, _ in command_lines(text)]
    for line in re.findall(r"^[ >$]*((?:ncf [a-z]|python3? (?:run/|-m ncf_keras)).*)$", text, re.MULTILINE):
        assert any(line.removesuffix("\\").strip() in each for each in taken), line


def test_what_is_installed_and_tested_is_there():
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    for command in PRINTED:
        if command.words[0] == "pip":
            (extras,) = re.findall(r"\[([\w,]+)\]", str(command)) or ["test"]
            assert set(extras.split(",")) <= {*setup["options.extras_require"]}, command
        if "pytest" in command.words[:3]:
            assert all((PROJECT / word).exists() for word in command.words if word.startswith("tests/")), (
                command
            )


def test_each_exception_is_one():
    """What is not run is there, and what is no program of ours is all named."""
    for pattern, _ in NOT_RUN:
        assert any(re.fullmatch(pattern, str(command), re.DOTALL) for command in PRINTED), pattern
    others = [command for command in PRINTED if not is_ours(command) and not why_not(command)]
    assert {command.words[0] for command in others} == {"saved_model_cli"}


def without_figures(line):
    return tuple(re.sub(r"\d[\d,]*(\.\d+)?", "0", line).split())


def run_as_printed(command, names, capsys):
    """Run a command of ours in this process; what it prints is what its page shows, but for the figures."""
    name, arguments = arguments_of(command)
    given = [names.get(word, word) for word in arguments]
    capsys.readouterr()
    status = ncf([name, *given])
    out, err = capsys.readouterr()
    expected = 2 if any(line.startswith("error:") for line in command.output) else 0
    assert status == expected, f"{command}\n{err}"
    printed = {without_figures(line) for line in (out + err).splitlines()}
    for line in command.output:
        assert line == "…" or without_figures(line) in printed, f"{command}\n{line}\n{out}{err}"


def test_what_is_quick_runs_as_printed(tmp_path, monkeypatch, capsys):
    """On the built-in sample, in one directory, in the order of the pages."""
    monkeypatch.chdir(tmp_path)
    page = (PROJECT / "docs/data.md").read_text(encoding="utf-8")
    (clicks,) = re.findall(r"^\$ cat clicks.csv\n(.*?)^\n", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "clicks.csv").write_text(clicks)
    trainings = [command for command in FAST if arguments_of(command)[0] == "neumf"]
    assert all("--seed" in command.words for command in trainings), "one training stands for all"
    run_as_printed(trainings[0], {}, capsys)
    (saved,) = (tmp_path / "pretrain").iterdir()
    names = dict.fromkeys(("FILE", "FILE_A", "FILE_B"), str(saved)) | dict.fromkeys(
        ("mydata", "ml-1m"), "sample"
    )
    others = {str(arguments_of(command)): command for command in FAST if command not in trainings}
    for command in others.values():
        run_as_printed(command, names, capsys)
    assert (tmp_path / "model.keras").exists() and (tmp_path / "users.csv").exists()


@pytest.fixture
def readers_directory(tmp_path):
    """A directory with what the pages take to be there: MovieLens, this project's weights, a log of clicks."""
    directory = tmp_path
    (directory / "Data").mkdir()
    (directory / "ml-100k").mkdir()
    (directory / "pretrain").mkdir()
    for name in ("train.rating", "test.rating", "test.negative"):
        (directory / f"Data/ml-1m.{name}").symlink_to(shared(f"data/ml-1m.{name}"))
    (directory / "ratings.dat").symlink_to(shared("data/ml-1m.ratings.dat"))
    (directory / "movies.dat").symlink_to(shared("data/ml-1m.movies.dat"))
    (directory / "ml-100k/u.data").symlink_to(shared("data/ml-100k.u.data"))
    for path in (PROJECT / "pretrain").glob("*].h5"):
        (directory / "pretrain" / path.name).symlink_to(path)
    (directory / "pretrain/ml-1m_GMF_8.h5").symlink_to(PROJECT / "pretrain/ml-1m_GMF_8.h5")
    guide = (PROJECT / "docs/serving.md").read_text(encoding="utf-8")
    (directory / "visits.csv").write_text(re.findall(r"<<END\n(.*?)^END$", guide, re.M | re.S)[0])
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({command.page for command in SLOW}))
def test_what_is_slow_runs_as_printed(page, readers_directory, monkeypatch, capsys):
    """On MovieLens, where the developers' files are; one epoch of each training. Takes some minutes."""
    monkeypatch.chdir(readers_directory)
    for command in SLOW:
        if command.page == page:
            run_program(command) if not arguments_of(command) else run_shortened(command, capsys)


def run_program(command):
    """Run a program that stands beside Python's."""
    program = Path(sys.executable).parent / command.words[0]
    done = subprocess.run([program, *command.words[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "item" in done.stdout, f"{command}\n{done.stderr}"


def run_shortened(command, capsys):
    """Run a command of ours with the files that the fixture made, and but one epoch."""
    words = command.words
    if arguments_of(command)[0] in ("gmf", "mlp", "neumf"):
        # The last value of a flag counts.
        words = (*words, "--epochs", "1")
    of_clicks = next(Path("pretrain").glob("clicks_NeuMF_*.h5"), None)
    names = {
        "FILE": str(of_clicks) if "clicks" in words else "pretrain/ml-1m_NeuMF_8_[64,32,16,8].h5",
        "mydata": "ml-1m",
        "ml-1m_GMF_8_1501651698.h5": "pretrain/ml-1m_GMF_8.h5",
        "ml-1m_MLP_[64,32,16,8]_1501652038.h5": "pretrain/ml-1m_MLP_[64,32,16,8].h5",
    }
    run_as_printed(Printed(command.page, words, command.output), names, capsys)
