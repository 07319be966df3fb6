"""Text from outside on a terminal: what could steer it is escaped, what never ends is shortened."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

LONGEST_MESSAGE = 4000
LONGEST_SHOWN = 40


def escaped(text: str, keep: str = "\n\t") -> str:
    """Return text with an escape such as `\\x1b` for each character that is not printable nor in `keep`."""
    if all(line.isprintable() for line in text.split("\n")) and ("\n" in keep or "\n" not in text):
        return text
    return "".join(
        character if character.isprintable() or character in keep else ascii(character)[1:-1]
        for character in text
    )


def shortened(text: str, most: int = LONGEST_MESSAGE) -> str:
    """Return a text of at most about `most` characters, the middle left out."""
    left_out = len(text) - most
    if left_out <= 0:
        return text
    return f"{text[: most * 3 // 4]} … ({left_out:,} characters left out) … {text[-most // 4 :]}"


def shown(text: str, most: int = LONGEST_SHOWN) -> str:
    """Return as much of a text from a file or a server as a sentence shows, on one line."""
    return escaped(text[:most], keep="")


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names for a sentence: the first ones, each no longer than is of use."""
    return ", ".join(shown(name) for name in names[:most]) + (", …" if len(names) > most else "")


class EscapedStream:
    """A text stream that escapes what it is given, and what its encoding does not have.

    Args:
        stream: where the text goes; all else is asked of it.
        forgiving: drop what can't be written, for what is said beside the results: that a disk is full for a
            note is no reason to end otherwise.
    """

    def __init__(self, stream: TextIO, forgiving: bool = False):
        self.unescaped = stream
        self._forgiving = forgiving

    def write(self, text: str) -> int:
        """Write text, escaped; return its length."""
        encoding = self.unescaped.encoding or "utf-8"
        safe = escaped(text).encode(encoding, "backslashreplace").decode(encoding)
        with self._dropping():
            self.unescaped.write(safe)
        return len(text)

    def flush(self) -> None:
        """Have written what is still held back."""
        with self._dropping():
            self.unescaped.flush()

    def writelines(self, lines: Any) -> None:
        """Write texts, escaped."""
        for line in lines:
            self.write(line)

    @contextlib.contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            if not self._forgiving:
                raise
            # The stream holds it still, and would try again at the end.
            with contextlib.suppress(OSError), open(os.devnull, "w") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), self.unescaped.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unescaped, name)


def unescaped(stream: Any) -> Any:
    """Return the stream under an `EscapedStream`, or the stream itself, for text that is meant as it is."""
    return getattr(stream, "unescaped", stream)


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Escape what is printed while the block runs; a stream that was closed takes, or gives, nothing."""
    _occupy_closed_descriptors()
    with contextlib.ExitStack() as stack:
        if sys.stdin is None:
            sys.stdin = stack.enter_context(open(os.devnull, encoding="utf-8"))  # noqa: PTH123
            stack.callback(setattr, sys, "stdin", None)
        for name, redirect in (("stdout", contextlib.redirect_stdout), ("stderr", contextlib.redirect_stderr)):
            stream = getattr(sys, name)
            if stream is None:
                stream = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
            stack.enter_context(redirect(EscapedStream(unescaped(stream), forgiving=name == "stderr")))
        yield


def _occupy_closed_descriptors() -> None:
    """Open the null device in place of closed standard streams.

    Else the next file that is opened would get the number of one, and what libraries print would go into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
