"""`ncf`: the same commands as the scripts in `run/`, under one name; its help, its mistakes, its completion."""

import argparse
import configparser
import re
import runpy
import shutil
import signal
import subprocess
import sys

import pytest

from ncf_keras.cli import ncf, version
from ncf_keras.cli.commands import COMMANDS
from tests.cli.test_scripts import ENVIRONMENT, python
from tests.shared_files import PROJECT

SCRIPT_OF = {"gmf": "GMF", "mlp": "MLP", "neumf": "NeuMF"}
# What only one of the two has: what is not in the wheel, and what is about `ncf` itself.
SCRIPTS_ALONE, COMMANDS_ALONE = {"paper", "FeedforwardEmbed"}, {"completion"}
PAIRS = {name: SCRIPT_OF.get(name, name) for name in COMMANDS if name not in COMMANDS_ALONE}


SETUP = configparser.ConfigParser()
SETUP.read(PROJECT / "setup.cfg")
MODULE = re.fullmatch(r"\s*ncf = ([\w.]+):main", SETUP["options.entry_points"]["console_scripts"])[1]
# What an installer writes into the script `ncf`.
ENTRY_POINT = f"import sys; from {MODULE} import main; sys.exit(main())"


class Parsed(BaseException):
    """Carries a parser out of the command that was about to use it."""


def outcome(call):
    """Return the exit status of a command in this process."""
    try:
        return call()
    except SystemExit as end:
        return end.code


def run_script(name, arguments, monkeypatch):
    """Run `python run/NAME.py …` in this process."""
    file = str(PROJECT / "run" / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [file, *arguments])
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = signal.getsignal(signal.SIGINT)
    try:
        return outcome(lambda: runpy.run_path(file, run_name="__main__"))
    finally:
        signal.signal(signal.SIGINT, before)


def described(parser):
    """Return all that a parser takes, as values that can be compared."""
    found = [parser.description]
    for action in parser._actions:
        kind = getattr(action.type, "__qualname__", None)
        limits = [cell.cell_contents for cell in getattr(action.type, "__closure__", None) or ()]
        row = [type(action), action.option_strings, action.dest, action.nargs, action.default, action.required]
        children = isinstance(action, argparse._SubParsersAction)
        choices = (
            {key: described(child) for key, child in action.choices.items()} if children else action.choices
        )
        found.append([*row, action.help, action.metavar, kind, limits, choices])
    return found


def parser_of(call, monkeypatch):
    def caught(parser, *arguments):
        raise Parsed(parser)

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", caught)
        with pytest.raises(Parsed) as found:
            call()
    return found.value.args[0]


def test_every_script_has_its_command_and_the_reverse():
    scripts = {path.stem for path in (PROJECT / "run").glob("[!_]*.py")}
    assert set(PAIRS.values()) == scripts - SCRIPTS_ALONE and scripts >= SCRIPTS_ALONE


@pytest.mark.parametrize(("name", "script"), PAIRS.items())
def test_a_command_takes_what_its_script_takes(name, script, monkeypatch):
    of_script = parser_of(lambda: run_script(script, [], monkeypatch), monkeypatch)
    of_command = parser_of(lambda: ncf.main([name]), monkeypatch)
    assert (of_script.prog, of_command.prog) == (f"{script}.py", f"ncf {name}")
    assert described(of_command) == described(of_script) == described(COMMANDS[name].make_parser())


@pytest.mark.parametrize(("name", "arguments", "status"), [
    ("recommend", ["--popular", "--dataset", "sample", "--k", "3", "--format", "csv"], 0),
    ("recommend", ["--popular", "--path", "no/", "--dataset", "none"], 2),
    ("mlp", ["--layers", "[3]"], 2),
    ("ask", ["--server", "http://127.0.0.1:1", "--retries", "0", "status"], 1),
])  # fmt: skip
def test_a_command_prints_and_ends_as_its_script(name, arguments, status, monkeypatch, capsys):
    ended = outcome(lambda: ncf.main([name, *arguments]))
    by_command = capsys.readouterr()
    assert run_script(PAIRS[name], arguments, monkeypatch) == ended == status
    by_script = capsys.readouterr()
    times = re.compile(r"\d+\.\d s")
    assert by_command.out == by_script.out
    assert times.sub("", by_command.err) == times.sub("", by_script.err)


@pytest.mark.parametrize(("started_as", "shown"), [
    ("/usr/bin/ncf", "ncf"), ("/opt/ncf_keras/__main__.py", "python -m ncf_keras"),
])  # fmt: skip
def test_the_usage_is_what_was_typed(started_as, shown, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [started_as, "plot", "--help"])
    assert outcome(ncf.main) == 0
    assert capsys.readouterr().out.startswith(f"usage: {shown} plot [-h]")
    assert sys.argv == [started_as, "plot", "--help"]


def test_the_help_is_one_screen_and_names_every_command(capsys):
    assert ncf.main(["--help"]) == 0
    page = capsys.readouterr()
    lines = page.out.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 80 and page.err == ""
    rows = dict(re.findall(r"^  (\w+) +(\w.*)$", page.out, re.MULTILINE))
    assert {name: rows[name] for name in COMMANDS} == {one.name: one.does for one in COMMANDS.values()}
    assert all(re.fullmatch(r"[a-z].*[^.]", one.does) for one in COMMANDS.values())
    # Its examples are commands with flags that there are.
    examples = re.findall(r"^  ncf (\w+) (.*)$", page.out, re.MULTILINE)
    assert len(examples) == 3
    for name, rest in examples:
        COMMANDS[name].make_parser().parse_args(rest.split())


def test_without_a_command_the_help_is_an_error(capsys):
    assert ncf.main([]) == 2
    printed = capsys.readouterr()
    assert printed == ("", ncf.help_page())


@pytest.mark.parametrize(("typed", "shown", "nearest"), [
    ("neumff", "'neumff'", "neumf"), ("NeuMF", "'NeuMF'", "neumf"), ("recomend", "'recomend'", "recommend"),
    ("--verison", "'--verison'", None), ("zzz", "'zzz'", None), ("", "''", None),
    ("a\x1b[2J", r"'a\x1b[2J'", None),
    ("x" * 100_000, None, None),
])  # fmt: skip
def test_an_unknown_command_is_a_sentence_with_the_nearest_name(typed, shown, nearest, capsys):
    assert ncf.main([typed, "--help"]) == 2
    printed = capsys.readouterr()
    hint = f" (the nearest is {nearest})" if nearest else ""
    sentence = "error: The command must be one that `ncf --help` lists. Received: "
    assert printed.out == "" and printed.err.startswith(sentence) and len(printed.err) < 400
    assert shown is None or printed.err == f"{sentence}{shown}{hint}\n"


def test_help_by_the_module_imports_nothing_slow(tmp_path):
    code = (
        "import runpy, sys\n"
        "sys.argv = ['', '--help']\n"
        "try:\n    runpy.run_module('ncf_keras', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    slow = {'tensorflow', 'keras', 'numpy', 'pandas', 'scipy', 'h5py', 'rich'} & set(sys.modules)\n"
        "    print(end.code, *sorted(slow), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r})\n{code}"], cwd=tmp_path,
        env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr == "0\n"
    assert done.stdout == ncf.help_page("python -m ncf_keras")


@pytest.mark.parametrize(("start", "arguments", "module", "ending"), [
    (["-m", "ncf_keras"], ["evaluate"], "csv", (-signal.SIGINT, "")),
    (["-c", ENTRY_POINT], ["prepare", "log.csv", "--out", "out"], "pandas", (130, "Interrupted.\n")),
])  # fmt: skip
def test_ctrl_c_while_it_is_loading_leaves_no_traceback(start, arguments, module, ending, tmp_path):
    """What is slow to import is a module that tells when it is imported, and never ends."""
    (tmp_path / f"{module}.py").write_text("import time; print('loading', flush=True); time.sleep(100)")
    (tmp_path / "log.csv").write_text("user,item\n1,2\n")
    command = [sys.executable, *start, *arguments]
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tmp_path}:{PROJECT}"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == ending


def test_the_versions_come_before_the_devices(capsys):
    import keras
    import tensorflow as tf

    assert ncf.main(["--version"]) == 0
    printed = capsys.readouterr()
    package, its_python, its_tensorflow, its_keras, cpu, *gpus = printed.out.splitlines()
    assert re.fullmatch(r"ncf_keras \d+\.\d+\.\d+\S*", package)
    assert its_python.startswith("Python {}.{}.{}, ".format(*sys.version_info))
    assert (its_tensorflow, its_keras) == (f"TensorFlow {tf.__version__}", f"Keras {keras.__version__}")
    assert re.fullmatch(r"CPU: \S.*, \d+ cores", cpu)
    count = len(tf.config.list_physical_devices("GPU"))
    assert len(gpus) == max(count, 1) and all(re.fullmatch(r"GPU: \S.*", gpu) for gpu in gpus)
    assert (gpus == ["GPU: none that TensorFlow can use"]) == (count == 0) and printed.err == ""


def test_gpus_are_named_and_a_tensorflow_that_is_broken_is_said(monkeypatch, capsys):
    import tensorflow as tf

    gpus = [tf.config.PhysicalDevice(f"/physical_device:GPU:{number}", "GPU") for number in range(2)]
    details = {gpus[0].name: {"device_name": "NVIDIA H100"}, gpus[1].name: {}}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details[gpu.name])
    assert ncf.main(["-V"]) == 0
    assert capsys.readouterr().out.splitlines()[5:] == ["GPU: NVIDIA H100", "GPU: /physical_device:GPU:1"]
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(version, "import_tensorflow_quietly", lambda first: first())
    assert ncf.main(["-V"]) == 0
    assert re.fullmatch(
        r"GPU: unknown, because TensorFlow can't be imported \(.*tensorflow.*\)",
        capsys.readouterr().out.splitlines()[5],
    )


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Return a function that completes a line in bash, in a directory with a file and a directory in it."""
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    directory = tmp_path_factory.mktemp("completion")
    (directory / "weights.h5").write_text("")
    (directory / "well").mkdir()
    done = python(PROJECT, "-m", "ncf_keras", "completion", "bash")
    assert (done.returncode, done.stderr) == (0, "")
    (directory / "script").write_text(done.stdout)

    def completed(line):
        words = line.split(" ")
        code = (
            'source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_ncf; '
            'printf "%s\\n" "${COMPREPLY[@]}"; complete -p ncf >&2'
        )
        shell = ["bash", "--norc", "-c", code, "bash", *words]
        found = subprocess.run(shell, cwd=directory, capture_output=True, text=True, check=True)
        assert found.stderr.endswith(" -F _shtab_ncf ncf\n")
        return set(found.stdout.split())

    return completed


@pytest.mark.parametrize(("line", "words"), [
    ("ncf neu", {"neumf"}),
    ("ncf ", set(COMMANDS)),
    ("ncf neumf --lea", {"--learner"}),
    ("ncf neumf --learner ada", {"adagrad", "adam"}),
    ("ncf download ml-1", {"ml-1m", "ml-10m", "ml-100k"}),
    ("ncf ask --format json rec", {"recommend"}),
    ("ncf ask recommend --user_", {"--user_id"}),
    ("ncf recommend --weights we", {"weights.h5", "well"}),
    ("ncf compare weights.h5 we", {"weights.h5", "well"}),
    ("ncf neumf --save_dir we", {"well"}),
    ("ncf baseline E", {"EALS", "EASE"}),
    ("ncf baseline EASE --reg", {"--regularization"}),
    ("ncf completion z", {"zsh"}),
])  # fmt: skip
def test_bash_completes(line, words, complete):
    assert complete(line) == words


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_their_script_and_an_unknown_one_a_sentence(shell, capsys):
    assert ncf.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS) and "--mf_pretrain" in script
    with pytest.raises(SystemExit) as end:
        ncf.main(["completion", "cmd"])
    assert end.value.code == 2 and "invalid choice: 'cmd'" in capsys.readouterr().err
