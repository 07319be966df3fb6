"""What every command shares: errors in words, a quiet TensorFlow, a progress bar."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator

from ncf_keras.errors import InputError

USER_ERROR = 2


def run_command(command: Callable[[], None]) -> int:
    """Run a command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    try:
        command()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except BrokenPipeError:
        # The reader of our output has gone, such as `head`: that is nobody's mistake.
        sys.stdout = None
        return 0
    return 0


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without the lines about CPUs and CUDA that it writes from C++ as it starts.

    They come before any log level applies, so what goes to file descriptor 2 meanwhile is put aside; it is
    shown if the import fails.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _stderr_put_aside():
        import tensorflow as tf

        # The first operation makes TensorFlow look for devices, which it reports too.
        tf.constant(0)
        tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def _stderr_put_aside() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


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
