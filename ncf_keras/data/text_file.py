"""Text files opened for parsers: with or without gzip, in UTF-8, with a delimiter of any length."""

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path

from ncf_keras.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
# A delimiter of several characters is read as this one, which no sane file holds.
UNIT_SEPARATOR = "\x1f"
LONGEST_LINE = 1 << 20
READ_ERRORS = (OSError, EOFError, zlib.error, UnicodeError)


class CountedFile(io.FileIO):
    """A file that reports how many bytes have been read of it."""

    def __init__(self, file: Path, on_read: Callable[[int], None]):
        super().__init__(file)
        self._on_read = on_read

    def readinto(self, buffer: bytearray) -> int:
        """Fill `buffer` and report the position."""
        count = super().readinto(buffer)
        self._on_read(self.tell())
        return count


class SeparatedText(io.TextIOBase):
    """Text in which a delimiter of several characters reads as a single one, for parsers that need that."""

    def __init__(self, text: io.TextIOBase, delimiter: str):
        self._text = text
        self._delimiter = delimiter
        self._rest = ""

    def readable(self) -> bool:
        """Return True, as a parser may ask."""
        return True

    def read(self, size: int = -1) -> str:
        """Return whole lines, so that no delimiter is cut in two; at the end, what is left."""
        size = size if size > 0 else LONGEST_LINE
        chunks = [self._rest]
        while chunk := self._text.read(size):
            chunks.append(chunk)
            if "\n" in chunk:
                break
        whole = "".join(chunks)
        end = whole.rfind("\n") + 1 if chunk else len(whole)
        lines, self._rest = whole[:end], whole[end:]
        if UNIT_SEPARATOR in lines:
            raise UnicodeError("the control character U+001F")
        return lines.replace(self._delimiter, UNIT_SEPARATOR)


def open_text(file: Path, on_read: Callable[[int], None] = lambda position: None) -> io.TextIOWrapper:
    """Open a UTF-8 text file, unpacked if it is gzip by its first bytes; a byte order mark is dropped.

    Args:
        file: the file.
        on_read: told how many bytes of the file (packed, if it is) have been read.
    """
    raw = io.BufferedReader(CountedFile(file, on_read), 1 << 18)
    packed = raw.peek(2)[:2] == GZIP_MAGIC
    stream = gzip.GzipFile(fileobj=raw) if packed else raw
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def unreadable(file: Path, error: Exception) -> InputError:
    """Return the sentence for a file that can't be read to its end, naming the line that is not text."""
    if isinstance(error, UnicodeError):
        return InputError(f"{file}{_line_not_text(file)} must be text in UTF-8. Received: {error}")
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{file} must be a file that can be read to its end. Received: {reason}")


def _line_not_text(file: Path) -> str:
    try:
        with open_text(file) as text:
            text.reconfigure(errors="surrogateescape")
            for number, line in enumerate(text, 1):
                if UNIT_SEPARATOR in line or any("\ud800" <= character <= "\udfff" for character in line):
                    return f", line {number}"
    except READ_ERRORS:
        pass
    return ""
