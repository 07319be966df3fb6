"""One way to read a path: regular files only, for a pipe may keep a command waiting and a device has no end."""

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

from ncf_keras.base.errors import InputError

KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: True, "a device"),
)


def open_input(path: str | os.PathLike, subject: object = None) -> io.BufferedReader:
    """Open a regular file to read its bytes; what it is, is looked at after it was opened.

    Args:
        path: the file; a link to one is followed.
        subject: what the error's rule is about, such as a flag in backticks; the path itself if None.

    Raises:
        InputError: it is missing, can't be opened, or is no regular file.
    """
    try:
        # Without O_NONBLOCK, a pipe would wait here for a writer.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise unreadable(path, error, subject) from None
    kind = _kind(os.fstat(handle).st_mode)
    if kind != "a file":
        os.close(handle)
        subject, where = (path, "") if subject is None else (subject, f"{path}, which is ")
        raise InputError(f"{subject} must be a regular file. Received: {where}{kind}")
    return os.fdopen(handle, "rb")


def unreadable(path: str | os.PathLike, error: Exception, subject: object = None) -> InputError:
    """Return the sentence for a file that can't be opened or read."""
    subject, where = (path, "") if subject is None else (subject, f"{path}, ")
    return InputError(f"{subject} must be a file that can be read. Received: {where}{reason_of(error)}")


def kind_of(path: str | os.PathLike, subject: object = None) -> str | None:
    """Return what lies at a path, links followed: `a file`, `a directory`, …; None if nothing does.

    `subject` is what the error's rule is about, such as a flag in backticks; the path itself if None.

    Raises:
        InputError: it can't be looked at: a name too long, a directory one may not search, and so on.
    """
    try:
        return _kind(Path(path).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        rule = f"{path if subject is None else subject} must be a path that can be looked at"
        raise InputError(f"{rule}. Received: {path} ({reason_of(error)})") from None


def reason_of(error: BaseException) -> str:
    """Return what the system said about an error, in one line, without the path."""
    words = getattr(error, "strerror", None) or str(error)
    # TensorFlow names the operation first, in braces.
    return words.strip().partition("\n")[0].rpartition("}} ")[2] or type(error).__name__


def _kind(mode: int) -> str:
    return next(name for holds, name in KINDS if holds(mode))
