"""How files are opened for parsers: text with or without gzip, a delimiter of any length, and Parquet."""

import contextlib
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ncf_keras.base.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
# A delimiter of several characters is read as this one, which no sane file holds.
UNIT_SEPARATOR = "\x1f"
LONGEST_LINE = 1 << 20
BLOCK = 1 << 18
READ_ERRORS = (OSError, EOFError, zlib.error, UnicodeError)


class CountedFile(io.FileIO):
    """A file that reports how many bytes have been read of it."""

    def __init__(self, file: Path, on_read: Callable[[int], None]):
        super().__init__(file)
        self._on_read = on_read

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` and report the position."""
        count = super().readinto(buffer)
        self._on_read(self.tell())
        return count


class ForbiddenCharacter(UnicodeError):
    """A character that can't be part of a log."""

    def __init__(self, character: str):
        super().__init__(f"the control character U+{ord(character):04X}")
        self.character = character


class ParserText(io.TextIOBase):
    """Text for a parser written in C: without NUL, and with a single character for a delimiter of several."""

    def __init__(self, text: io.TextIOBase, delimiter: str):
        self._text = text
        self._delimiter = delimiter
        self._rest = ""

    def readable(self) -> bool:
        """Return True, as a parser may ask."""
        return True

    def read(self, size: int | None = -1, /) -> str:
        """Return at most `size` characters; with a long delimiter whole lines, so that none is cut in two."""
        if len(self._delimiter) == 1:
            return self._chunk(size)
        size = size if size and size > 0 else LONGEST_LINE
        chunks = [self._rest]
        while chunk := self._chunk(size):
            chunks.append(chunk)
            if "\n" in chunk:
                break
        whole = "".join(chunks)
        end = whole.rfind("\n") + 1 if chunk else len(whole)
        lines, self._rest = whole[:end], whole[end:]
        if UNIT_SEPARATOR in lines:
            raise ForbiddenCharacter(UNIT_SEPARATOR)
        return lines.replace(self._delimiter, UNIT_SEPARATOR)

    def _chunk(self, size: int | None) -> str:
        chunk = self._text.read(size)
        if "\0" in chunk:
            raise ForbiddenCharacter("\0")
        return chunk


@contextlib.contextmanager
def open_text(file: Path, on_read: Callable[[int], None] = lambda position: None) -> Iterator[io.TextIOWrapper]:
    """Open a UTF-8 text file, unpacked if it is gzip by its first bytes; a byte order mark is dropped.

    The line ends stay as they are. `on_read` is told how many bytes of the file (packed, if it is) are read.
    """
    with io.BufferedReader(CountedFile(file, on_read), BLOCK) as raw:
        packed = raw.peek(2)[:2] == GZIP_MAGIC
        # A GzipFile leaves the file it reads open.
        with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
            yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


@contextlib.contextmanager
def reading_parquet(file: Path) -> Iterator[Any]:
    """Yield the module `pyarrow.parquet`, to read `file` with; what it complains of is an InputError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"Parquet needs pyarrow: pip install 'ncf-keras[parquet]'. Received: {file}") from None
    try:
        yield pyarrow.parquet
    except InputError:
        raise
    # Some errors of pyarrow are ValueErrors, some NotImplementedErrors, some neither.
    except (OSError, ValueError, NotImplementedError, pyarrow.ArrowException) as error:
        raise unreadable(file, error) from None


def unreadable(file: Path, error: Exception) -> InputError:
    """Return the sentence for a file that can't be read to its end, naming the line that is not text."""
    if isinstance(error, UnicodeError):
        return InputError(f"{file}{_line_not_text(file, error)} must be text in UTF-8. Received: {error}")
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{file} must be a file that can be read to its end. Received: {reason}")


def number_in(text: str) -> float | None:
    """Return the number that a text stands for, None where it stands for none."""
    try:
        return float(text)
    except ValueError:
        return None


def file_digest(file: str | os.PathLike, kind: str) -> str:
    """Return the digest of a file, in hexadecimal; the kind `git` is the SHA-1 of git's blob of the file."""
    header = b"blob %d\0" % Path(file).stat().st_size if kind == "git" else b""
    digest = hashlib.new("sha1" if kind == "git" else kind, header, usedforsecurity=False)
    with Path(file).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _line_not_text(file: Path, error: UnicodeError) -> str:
    wanted = getattr(error, "character", None)
    try:
        with open_text(file) as text:
            text.reconfigure(errors="surrogateescape")
            for number, line in enumerate(text, 1):
                if wanted in line if wanted else any("\ud800" <= letter <= "\udfff" for letter in line):
                    return f", line {number}"
    except READ_ERRORS:
        pass
    return ""
