"""What every command shares: exit statuses, errors as sentences, safe streams, a progress bar."""

import argparse
import contextlib
import errno
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from ncf_keras.base.errors import InputError, ServingError, WorkerLost
from ncf_keras.base.inputs import reason_of
from ncf_keras.base.interrupts import Interrupted
from ncf_keras.base.memory import memory_checked
from ncf_keras.base.quiet import import_tensorflow_quietly as import_tensorflow_quietly
from ncf_keras.base.terminal import escaped, safe_streams, shortened, unescaped
from ncf_keras.cli.paths import require_apart

SERVER_ERROR = 1
USER_ERROR = 2
KEYBOARD_INTERRUPT = 130
# EX_TEMPFAIL of sysexits.h: nobody's mistake, and worth another try.
WORKER_LOST = 75


def run_with_flags(
    parse: Callable[[Sequence[str] | None], argparse.Namespace],
    command: Callable[[argparse.Namespace], int | None],
    arguments: Sequence[str] | None,
) -> int:
    """Run a command on a command line without the program's name; return its exit status: see `run_command`.

    Args:
        parse: turns the command line into flags.
        command: gets the flags, once it is sure that no output is an input.
        arguments: the command line; that of the process if None.
    """

    def checked() -> int | None:
        _require_values(sys.argv[1:] if arguments is None else arguments)
        flags = parse(arguments)
        require_apart(flags)
        with memory_checked(not getattr(flags, "no_memory_check", False)):
            return command(flags)

    return run_command(checked)


def _require_values(arguments: Sequence[str]) -> None:
    """Raise InputError for `--flag=--`, of which argparse before Python 3.13 makes an empty list unchecked."""
    for argument in itertools.takewhile(lambda one: one != "--", arguments):
        flag, _, value = argument.partition("=")
        if flag.startswith("-") and value == "--":
            raise InputError(f"`{flag}` must be other than --, which ends the flags. Received: {argument}")


def run_command(command: Callable[[], int | None]) -> int:
    """Run a command and return its exit status.

    Returns:
        What the command returns, or 0; 1 after a sentence about a server that does not answer; 2 after one on
        the user's mistake or trouble of the machine, such as a full disk; 75 after the loss of another worker;
        128 + the signal's number after Ctrl-C or SIGTERM.
    """
    with safe_streams():
        ctrl_c = _CtrlC()
        try:
            ctrl_c.listen()
            status = command()
            sys.stdout.flush()
        except SystemExit:
            abandon_stdout()
            raise
        except Interrupted as stop:
            abandon_stdout()
            print(stop, file=sys.stderr)
            return stop.status
        except KeyboardInterrupt:
            abandon_stdout()
            print("Interrupted.", file=sys.stderr)
            return KEYBOARD_INTERRUPT
        except BrokenPipeError:
            # The reader of our output has gone, such as `head`: that is nobody's mistake.
            abandon_stdout()
            return 0
        except Exception as error:
            if ctrl_c.received:
                # C libraries that are being imported make another error of it.
                print("Interrupted.", file=sys.stderr)
                return KEYBOARD_INTERRUPT
            status, sentence = _ending(error)
            abandon_stdout()
            print(f"error: {shortened(sentence)}", file=sys.stderr)
            return status
    return status or 0


def abandon_stdout() -> None:
    """Drop what standard output holds if it can't be written: Python would try again at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _ending(error: Exception) -> tuple[int, str]:
    """Return the exit status and the sentence for an error; raise it again if it is a mistake of ours."""
    if isinstance(error, ServingError):
        return SERVER_ERROR, str(error)
    if isinstance(error, WorkerLost):
        return WORKER_LOST, str(error)
    if isinstance(error, InputError):
        return USER_ERROR, str(error)
    if isinstance(error, OSError) and error.errno != errno.EBADF:
        where = "" if error.filename is None else f"{error.filename}: "
        return USER_ERROR, f"what could not be written or read: {where}{reason_of(error)}"
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        reason = reason_of(error) if str(error) else "none is left"
        return USER_ERROR, f"there must be more memory for this. Received: {reason}"
    raise error


def _is_out_of_memory(error: Exception) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(error, tensorflow.errors.ResourceExhaustedError)


class _CtrlC:
    """Raises KeyboardInterrupt at Ctrl-C, where the script let it end the process while it was loading.

    Attributes:
        received: whether it came.
    """

    def __init__(self) -> None:
        self.received = False

    def listen(self) -> None:
        """Take over from the default, which ends the process; whoever has set something else keeps it."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        raise KeyboardInterrupt


def print_done(text: str, what: str) -> None:
    """Print to standard output what a command has done; a note says so where that can't be written.

    The exit status is about `what`, such as an export, which others may already be using.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        abandon_stdout()
        print(f"Note: {what} is there, but standard output is not ({reason_of(error)}).", file=sys.stderr)


@contextlib.contextmanager
def progress_bar(total: int, unit: str) -> Iterator[Callable[[str, int], None]]:
    """Yield `show(title, done)`, which draws a bar on standard error if that is a terminal.

    Args:
        total: the count at which an epoch or file is done; the bar begins again when `done` gets smaller.
        unit: what is counted.
    """
    if not sys.stderr.isatty():
        yield lambda title, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    title = TextColumn("{task.description}", markup=False)
    columns = (title, BarColumn(), TextColumn("{task.completed:,}/{task.total:,}"), TextColumn(unit))
    # The bar moves the cursor by escapes of its own.
    console = Console(file=unescaped(sys.stderr))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def show(title: str, done: int) -> None:
            if done < bar.tasks[0].completed:
                bar.reset(task, total=total)
            bar.update(task, description=escaped(title), completed=done)

        yield show
