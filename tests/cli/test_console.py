import io
import os
import signal
import sys

import pytest

from ncf_keras.base import quiet
from ncf_keras.base.errors import InputError
from ncf_keras.base.interrupts import Interrupted
from ncf_keras.cli import console


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_command_that_ends_well_has_status_0(capsys):
    assert console.run_command(lambda: print("done")) == 0
    assert capsys.readouterr() == ("done\n", "")


def test_a_mistake_of_the_user_is_one_sentence_and_status_2(capsys):
    def command():
        print("begun")
        raise InputError("`--lr` must be above 0. Received: -1")

    assert console.run_command(command) == 2
    assert capsys.readouterr() == ("begun\n", "error: `--lr` must be above 0. Received: -1\n")


def test_a_mistake_of_ours_is_not_hidden():
    def command():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        console.run_command(command)


def test_a_reader_that_has_gone_is_no_mistake(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # so that it is put back

    def command():
        raise BrokenPipeError

    assert console.run_command(command) == 0
    assert capsys.readouterr().err == ""


def test_what_is_written_while_tensorflow_starts_is_put_aside(capfd):
    with quiet._stderr_put_aside():
        os.write(2, b"noise from C++\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_it_is_shown_if_the_start_fails(capfd):
    with pytest.raises(ImportError), quiet._stderr_put_aside():
        os.write(2, b"the reason\n")
        raise ImportError
    assert capfd.readouterr().err == "the reason\n"


def test_no_bar_in_a_pipe(capsys):
    with console.progress_bar(10, "examples") as show:
        show("training", 3)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal_that_begins_again_and_leaves_nothing(monkeypatch, capsys):
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


@pytest.mark.parametrize("number", [28, 30, 27, 5, 122])  # no space, read-only, too large, input/output, quota
def test_a_full_or_dying_disk_is_one_sentence(capsys, number):
    def command():
        raise OSError(number, os.strerror(number), "log.csv")

    assert console.run_command(command) == 2
    err = capsys.readouterr().err
    assert (
        err.startswith("error: ") and os.strerror(number) in err and "log.csv" in err and err.count("\n") == 1
    )


def test_other_errors_of_the_system_are_bugs():
    def command():
        raise OSError(9, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file descriptor"):
        console.run_command(command)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Interrupted(signal.SIGINT, "Saved."), 130, "Saved.\n"),
        (Interrupted(signal.SIGTERM, "Saved."), 143, "Saved.\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_a_signal_has_its_exit_status(capsys, error, status, message):
    def command():
        raise error

    assert console.run_command(command) == status
    assert capsys.readouterr().err == message
