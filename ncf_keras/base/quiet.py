"""Import TensorFlow without the lines that it writes as it starts."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from ncf_keras.base.short_loops import vectorise_short_loops


def look_for_devices() -> None:
    """Run a first operation, so that TensorFlow looks for devices, and prints about them, now."""
    import tensorflow as tf

    tf.constant(0)


def import_tensorflow_quietly(first: Callable[[], Any] = look_for_devices, log_level: str = "ERROR") -> Any:
    """Import TensorFlow without the lines about CPUs and CUDA that it writes from C++ as it starts.

    They come before any log level applies, so standard error is captured during the import, and shown only if
    it fails. XLA is told to vectorise short loops.

    Args:
        first: called after the import, while standard error is still captured; its result is returned.
        log_level: of TensorFlow's own logger from then on.
    """
    if "tensorflow" in sys.modules:
        return first()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _stderr_put_aside(), _without_temporary_directory():
        import tensorflow as tf

        tf.get_logger().setLevel(log_level)
        vectorise_short_loops()
        return first()


@contextlib.contextmanager
def _without_temporary_directory() -> Iterator[None]:
    """Keep two libraries that are imported with TensorFlow from failing where no directory can be written."""
    try:
        missing = not tempfile.gettempdir()
    except OSError:
        missing = True
    if not missing:
        yield
        return
    # absl names a directory for tests, and matplotlib, which Keras does without, one for its settings.
    os.environ.setdefault("TEST_TMPDIR", os.curdir)
    hidden = {name: None for name in ("matplotlib",) if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _stderr_put_aside() -> Iterator[None]:
    """Keep what is written to standard error while the block runs, and show it only if the block fails."""
    try:
        aside, kept = _nameless_file(), os.dup(2)
    except OSError:
        # There is nowhere to keep it.
        yield
        return
    with aside:
        if sys.stderr:
            sys.stderr.flush()
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


def _nameless_file() -> IO[bytes]:
    """Return a file in memory where the system has such, so that no temporary directory is needed."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()
