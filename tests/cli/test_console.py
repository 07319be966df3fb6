import errno
import io
import os
import re
import signal
import subprocess
import sys

import pytest

from ncf_keras.base import quiet
from ncf_keras.base.errors import InputError, ServingError, WorkerLost
from ncf_keras.base.interrupts import Interrupted
from ncf_keras.cli import console
from tests.shared_files import PROJECT


class Terminal(io.StringIO):
    def isatty(self):
        return True


DISK = (errno.ENOSPC, errno.EROFS, errno.EFBIG, errno.EIO, errno.EDQUOT)


@pytest.mark.parametrize(("error", "status", "message"), [
    (None, 0, ""),
    (InputError("`--lr` must be above 0. Received: -1"), 2, "error: `--lr` must be above 0. Received: -1\n"),
    (Interrupted(signal.SIGINT, "Saved."), 130, "Saved.\n"),
    (Interrupted(signal.SIGTERM, "Saved."), 143, "Saved.\n"),
    (KeyboardInterrupt(), 130, "Interrupted.\n"),
    (ServingError("No answer."), 1, "error: No answer.\n"),
    (WorkerLost("Gone."), 75, "error: Gone.\n"),
    (MemoryError(), 2, "error: there must be more memory for this. Received: none is left\n"),
    (MemoryError("Unable to allocate 9 GiB"), 2, "error: .*Received: Unable to allocate 9 GiB\n"),
    (PermissionError(13, "Permission denied", "a\x1b"), 2, r"error: .*: a\\x1b: Permission denied\n"),
    (InputError("begin" + "x" * 100_000 + "end"), 2, r"error: beginx{2995} … \(96,008 .* left out\) … x+end\n"),
    *((OSError(number, os.strerror(number), "log.csv"), 2, f"error: .*log.csv.*{os.strerror(number)}.*\n")
      for number in DISK),
])  # fmt: skip
def test_how_a_command_ends(capsys, error, status, message):
    def command():
        print("begun")
        if error:
            raise error

    assert console.run_command(command) == status
    out, err = capsys.readouterr()
    assert out == "begun\n" and (err == message or re.fullmatch(message, err))


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(9, "Bad file descriptor")])
def test_a_mistake_of_ours_is_not_hidden(error):
    def command():
        raise error

    with pytest.raises(type(error), match=str(error)[-5:]):
        console.run_command(command)


# argparse passes over what it can't print, but for that of Python 3.10.
HELP_INTO_FULL = (0, "") if sys.version_info >= (3, 11) else (2, "error: .*No space left on device")


@pytest.mark.parametrize(("shell", "status", "errors"), [
    ("run/recommend.py --popular --path no/ --dataset x <&-", 2, "error: --path and --dataset must .*"),
    ("run/recommend.py --popular --path no/ --dataset x <&- >&- 2>&-", 2, ""),
    ("run/recommend.py --popular --path no/ --dataset '\u4e2d\x1b[2J'", 2, r"error: .*no/\\u4e2d\\x1b\[2J.*"),
    ("run/ask.py --help >/dev/full", *HELP_INTO_FULL),
    ("run/ask.py --server http://127.0.0.1:1 --retries 0 status >&-", 1, "error: .*must answer.*"),
])  # fmt: skip
def test_streams_that_are_closed_full_or_ascii(shell, status, errors):
    """In a process of its own, with the descriptors really closed; a traceback would be on standard error."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} {shell}"], cwd=PROJECT, env=environment, capture_output=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == status and re.fullmatch(errors, done.stderr.decode("ascii").strip())


def test_an_interrupt_that_a_library_makes_another_error_of_is_one(monkeypatch, capsys):
    """As NumPy and pandas do while they are imported."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the scripts in run/ have it

    def command():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("could not import module") from None

    try:
        assert console.run_command(command) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "Interrupted.\n"


def test_what_is_done_is_done_even_if_it_cannot_be_printed(capsys, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys.stdout, "write", full)
    console.print_done("serving/ncf/1", "serving/ncf/1")
    assert "Note: serving/ncf/1 is there, but standard output is not (No space left" in capsys.readouterr().err


def test_a_closed_descriptor_is_never_given_to_a_file():
    code = (
        "from ncf_keras.base.terminal import safe_streams\n"
        "with safe_streams(), open('setup.cfg') as file: print(file.fileno() > 2)"
    )
    command = ["/bin/sh", "-c", f'exec {sys.executable} -c "{code}" <&- 2>&-']
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=60)
    assert done.stdout == b"True\n"


def test_a_reader_that_has_gone_is_no_mistake(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # so that it is put back

    def command():
        raise BrokenPipeError

    assert console.run_command(command) == 0
    assert capsys.readouterr().err == ""


def test_what_is_written_while_tensorflow_starts_is_put_aside_and_shown_if_that_fails(capfd):
    with quiet._stderr_put_aside():
        os.write(2, b"noise from C++\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
    with pytest.raises(ImportError), quiet._stderr_put_aside():
        os.write(2, b"the reason\n")
        raise ImportError
    assert capfd.readouterr().err == "the reason\n"


def test_a_bar_on_a_terminal_that_begins_again_and_leaves_nothing_and_none_in_a_pipe(monkeypatch, capsys):
    with console.progress_bar(10, "examples") as show:
        show("training", 3)
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with console.progress_bar(5000, "examples") as show:
        for done in (2500, 5000, 1250):
            show("training", done)
    drawn = terminal.getvalue()
    assert "training" in drawn and "1,250/5,000 examples" in drawn.replace("\x1b[0m", "")
    assert drawn.rstrip().endswith(("\x1b[2K", "\x1b[?25h", "\x1b[1A\x1b[2K"))  # the line is wiped
    assert capsys.readouterr().out == ""
