"""What every command shares: exit statuses, errors as sentences, a quiet TensorFlow, a progress bar."""

import contextlib
import errno
import sys
from collections.abc import Callable, Iterator

from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.base.interrupts import Interrupted
from ncf_keras.base.quiet import import_tensorflow_quietly as import_tensorflow_quietly

USER_ERROR = 2
KEYBOARD_INTERRUPT = 130
# EX_TEMPFAIL of sysexits.h: nobody's mistake, and worth another try.
WORKER_LOST = 75
# Errors of the machine and not of the program: no space, no quota, read-only, file too large, failing disk.
MACHINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


def run_command(command: Callable[[], None]) -> int:
    """Run a command and return its exit status.

    Returns:
        0; 2 after a sentence about the user's mistake or a full disk; 75 after the loss of another worker; 128
        + the signal's number after Ctrl-C or SIGTERM.
    """
    try:
        command()
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return KEYBOARD_INTERRUPT
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except WorkerLost as error:
        print(f"error: {error}", file=sys.stderr)
        return WORKER_LOST
    except BrokenPipeError:
        # The reader of our output has gone, such as `head`: that is nobody's mistake.
        sys.stdout = None
        return 0
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            raise
        print(f"error: what could not be written or read: {error}", file=sys.stderr)
        return USER_ERROR
    return 0


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

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}/{task.total:,}"))
    with Progress(
        *columns, TextColumn(unit), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=total)

        def show(title: str, done: int) -> None:
            if done < bar.tasks[0].completed:
                bar.reset(task, total=total)
            bar.update(task, description=title, completed=done)

        yield show
