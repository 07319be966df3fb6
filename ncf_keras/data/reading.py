"""How files are opened for parsers: text, packed or not, in any encoding, and Parquet."""

import codecs
import contextlib
import csv
import hashlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import open_input, reason_of
from ncf_keras.base.memory import allowed_memory, require_memory, require_within
from ncf_keras.base.terminal import shortened
from ncf_keras.data.arrow import arrow_errors
from ncf_keras.data.packing import LONGEST_MAGIC, packing_of, unpacked

# A delimiter of several characters is read as this one, which no sane file holds.
UNIT_SEPARATOR = "\x1f"
# The longest line of a text, in bytes, and the longest record that is looked at by itself, in characters.
LONGEST_LINE = 1 << 24
LONGEST_RECORD = 1 << 20
# What unpacks to a field without end takes more memory than a text of rows, and a small file has room for it.
PACKED_FACTOR = 3
# The longest reason of a library that is repeated.
LONGEST_REASON = 300
BLOCK = 1 << 18
READ_ERRORS = (OSError, EOFError, zlib.error, UnicodeError)
# Of UTF-32 before that of UTF-16, which begins alike.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Which of the first four bytes are NUL, where there is no such mark.
UNMARKED: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}


class Cost(NamedTuple):
    """What a parser takes of memory, in bytes: for each row, and for each byte of the text."""

    row: int
    byte: float


class TextBytes(io.RawIOBase):
    """The bytes of a text, until more memory would be needed to parse them than there is, or a line has no end.

    Args:
        stream: the bytes.
        name: of the file, for errors.
        size: how many bytes there are; None if that is known at the end only, as of gzip.
        cost: of parsing them; None if they are not kept.
        longest_line: the most bytes of a line; None where a parser takes lines piece by piece.
    """

    def __init__(self, stream: Any, name: str, size: int | None, cost: Cost | None, longest_line: int | None):
        self._stream, self._name, self._size, self._cost = stream, name, size, cost
        self._longest_line = longest_line
        self._allowed = None if cost is None else allowed_memory()
        self._bytes = self._rows = self._line = 0

    def readable(self) -> bool:
        """Return True, as a buffer may ask."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, and count what it holds."""
        count = self._stream.readinto(buffer)
        block = bytes(memoryview(buffer)[:count])
        is_first = not self._bytes
        self._bytes += count
        self._rows += count_lines(block)
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._line = self._line + count if end < 0 else count - end - 1
        if self._longest_line is not None and self._line > self._longest_line:
            raise InputError(
                f"{self._name} must have lines of at most {self._longest_line:,} bytes. Received: more"
            )
        if self._cost is not None:
            share = 1.0 if self._size is None or not is_first else max(1.0, self._size / max(count, 1))
            needed = share * (self._rows * self._cost.row + self._bytes * self._cost.byte)
            require_within(int(needed), self._allowed, self._name)
        return count


class CountedFile(io.FileIO):
    """An open file that reports how many bytes have been read of it, and is left open."""

    def __init__(self, file: io.BufferedReader, on_read: Callable[[int], None]):
        super().__init__(file.fileno(), closefd=False)
        self._on_read = on_read

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` and report the position."""
        count = super().readinto(buffer)
        self._on_read(self.tell())
        return count


class Lines:
    """The lines of a text for a parser; csv.Error where a record of them has no end.

    Args:
        text: what to read.

    Attributes:
        taken: characters since it was last set to 0, which the caller does at the end of a record.
    """

    def __init__(self, text: io.TextIOBase):
        self._text = text
        self.taken = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_RECORD + 1)
        self.taken += len(line)
        if self.taken > LONGEST_RECORD:
            raise csv.Error(f"a record of more than {LONGEST_RECORD:,} characters")
        if not line:
            raise StopIteration
        return line


class ForbiddenCharacter(UnicodeError):
    """A character that can't be part of a log."""

    def __init__(self, character: str):
        super().__init__(f"the control character U+{ord(character):04X}")
        self.character = character


class ParserText(io.TextIOBase):
    """Text for a parser written in C: without NUL, and with one character for a delimiter of any length.

    Args:
        text: what is read.
        delimiter: what separates its columns.
        before: lines that come before it.
        escape: the character before one that is meant literally, if there is one.

    Attributes:
        taken: characters of the text that were read.
    """

    def __init__(self, text: io.TextIOBase, delimiter: str, before: str = "", escape: str | None = None):
        self._text = text
        self._delimiter = delimiter
        self._escape = escape
        self._before = before
        self._rest = ""
        self.taken = 0

    def readable(self) -> bool:
        """Return True, as a parser may ask."""
        return True

    def read(self, size: int | None = -1, /) -> str:
        """Return at most `size` characters; whole lines where a long delimiter or `\\N` may be cut in two."""
        if may_be_quoted(self._delimiter) and self._escape is None:
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
        lines = keep_nulls(lines, self._delimiter, self._escape)
        if may_be_quoted(self._delimiter):
            return lines
        if UNIT_SEPARATOR in lines:
            raise ForbiddenCharacter(UNIT_SEPARATOR)
        return lines.replace(self._delimiter, UNIT_SEPARATOR)

    def _chunk(self, size: int | None) -> str:
        if self._before:
            before, self._before = self._before, ""
            return before
        chunk = self._text.read(size)
        self.taken += len(chunk)
        if "\0" in chunk:
            raise ForbiddenCharacter("\0")
        return chunk


@contextlib.contextmanager
def open_text(
    file: os.PathLike,
    on_read: Callable[[int], None] = lambda position: None,
    subject: str | None = None,
    cost: Cost | None = None,
    may_be_packed: bool = True,
    encoding: str | None = None,
    longest_line: int | None = LONGEST_LINE,
) -> Iterator[io.TextIOWrapper]:
    """Open a text file; a byte order mark is dropped, the line ends stay as they are.

    Args:
        file: what to open.
        on_read: told how many bytes of the file (packed, if it is) have been read.
        subject: as of `open_input`.
        cost: of parsing what is read, held against the memory of the machine; None if it is not kept.
        may_be_packed: unpack the file if its first bytes tell how.
        encoding: of the text; None: UTF-8, or what a byte order mark or the NULs of UTF-16 say.
        longest_line: the most bytes of a line; None for no limit.
    """
    with open_input(file, subject) as opened, io.BufferedReader(CountedFile(opened, on_read), BLOCK) as raw:
        packing = packing_of(raw.peek(LONGEST_MAGIC)[:LONGEST_MAGIC]) if may_be_packed else None
        size = None if packing else os.fstat(opened.fileno()).st_size
        if packing and cost is not None:
            cost = cost._replace(byte=PACKED_FACTOR * cost.byte)
        # What unpacks leaves the file that it reads open.
        with unpacked(raw, packing, str(file)) as stream:
            measured = io.BufferedReader(TextBytes(stream, str(file), size, cost, longest_line), BLOCK)
            yield io.TextIOWrapper(measured, encoding=_codec(measured.peek(4), encoding), newline="")


def _codec(first: bytes, encoding: str | None) -> str:
    """Return the codec for a text that begins with these bytes: one that drops a byte order mark."""
    marked = next((codec for mark, codec in BYTE_ORDER_MARKS.items() if first.startswith(mark)), None)
    # No text holds NUL; in UTF-16 it is the other half of a letter's two bytes.
    unmarked = UNMARKED.get(tuple(byte == 0 for byte in first[:4]))
    if encoding is None:
        return marked or unmarked or "utf-8-sig"
    if marked is None and unmarked is not None and codecs.lookup(encoding).name == "utf-16":
        return unmarked
    # Python's own name for it, whatever the user called it.
    same = marked is not None and codecs.lookup(encoding).name.startswith(marked.removesuffix("-sig"))
    return marked if marked is not None and same else encoding


@contextlib.contextmanager
def open_parquet(file: os.PathLike, **options: Any) -> Iterator[Any]:
    """Yield `pyarrow.parquet.ParquetFile(file, **options)`; what pyarrow complains of is an InputError."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"Parquet needs pyarrow: pip install 'ncf-keras[parquet]'. Received: {file}") from None
    try:
        with open_input(file) as opened, pyarrow.parquet.ParquetFile(opened, **options) as table:
            yield table
    except (InputError, MemoryError):
        raise
    except arrow_errors() as error:
        if getattr(error, "errno", None):
            raise unreadable(file, error) from None
        # What pyarrow says is about its own parts.
        raise InputError(
            f"{file} must be a file that can be read to its end. Received: a damaged Parquet file, or one with "
            "a packing or a kind of column that is not read here"
        ) from None


def require_room_for_parquet(file: os.PathLike, table: Any, columns: int, row: int) -> None:
    """Raise InputError if some columns of a ParquetFile need more memory than there is.

    Args:
        file: its path, for the error.
        table: the ParquetFile.
        columns: how many are wanted; each is taken for as large as the others.
        row: bytes that the caller needs for each row.
    """
    metadata = table.metadata
    # Not the sizes of the columns themselves: asking for those of a damaged file ends the process.
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    require_memory(metadata.num_rows * row + 2 * unpacked * columns // max(metadata.num_columns, 1), str(file))


def unreadable(
    file: os.PathLike, error: Exception, encoding: str | None = None, way_on: str = ""
) -> InputError:
    """Return the sentence for a file that can't be read to its end, naming the line that is not text.

    Args:
        file: its path.
        error: what was raised.
        encoding: that it was read in, as of `open_text`.
        way_on: what else the user may do where it is no text in that encoding, for the rule.
    """
    if isinstance(error, UnicodeError):
        expected, received = "UTF-8", str(error)
        if isinstance(error, UnicodeDecodeError):
            expected, received = error.encoding.upper(), f"the byte 0x{error.object[error.start]:02X}"
        rule = f"must be text in {expected if encoding is None else encoding}{way_on}"
        return InputError(f"{file}{_line_not_text(file, error, encoding)} {rule}. Received: {received}")
    if getattr(error, "errno", None):
        reason = " ".join(shortened(reason_of(error), LONGEST_REASON).split())
    else:
        # What a library says of it is about its own parts.
        reason = "one that is cut short" if isinstance(error, EOFError) else "a damaged one"
    return InputError(f"{file} must be a file that can be read to its end. Received: {reason}")


def keep_nulls(lines: str, delimiter: str, escape: str | None) -> str:
    """Return whole lines in which a field that is `\\N` stays so, where a backslash makes a letter of the next.

    Databases that write a backslash before what is meant literally write `\\N` for a missing value.
    """
    if escape != "\\" or "\\N" not in lines:
        return lines
    bound = re.escape(delimiter)
    return re.sub(rf"(?:(?<=[\r\n])|(?<={bound})|\A)\\N(?={bound}|[\r\n]|\Z)", r"\\\\N", lines)


def may_be_quoted(delimiter: str) -> bool:
    """Return whether fields may be quoted as in CSV: if one ASCII character separates them, as parsers need."""
    return len(delimiter) == 1 and delimiter.isascii()


def number_in(text: str) -> float | None:
    """Return the number that a text stands for, None where it stands for none."""
    try:
        return float(text)
    except ValueError:
        return None


def file_digest(file: str | os.PathLike, kind: str) -> str:
    """Return the digest of a file, in hexadecimal; the kind `git` is the SHA-1 of git's blob of the file."""
    with open_input(file) as stream:
        header = b"blob %d\0" % os.fstat(stream.fileno()).st_size if kind == "git" else b""
        digest = hashlib.new("sha1" if kind == "git" else kind, header, usedforsecurity=False)
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def count_lines(block: bytes) -> int:
    """Return the number of line ends in a block, of whatever kind."""
    # NumPy counts several times as fast as bytes.count.
    letters = np.frombuffer(block, np.uint8)
    return int(np.count_nonzero(letters == ord("\n")) or np.count_nonzero(letters == ord("\r")))


def raise_if_out_of_memory(error: Exception) -> None:
    """Raise MemoryError if that is what pandas' parser complains of, in an error of its own."""
    if "out of memory" in str(error):
        raise MemoryError(str(error)) from None


def _line_not_text(file: os.PathLike, error: UnicodeError, encoding: str | None) -> str:
    wanted = getattr(error, "character", None)
    try:
        with open_text(file, encoding=encoding) as text:
            text.reconfigure(errors="surrogateescape")
            for number, line in enumerate(text, 1):
                if wanted in line if wanted else any("\ud800" <= letter <= "\udfff" for letter in line):
                    return f", line {number}"
    except READ_ERRORS:
        pass
    return ""
