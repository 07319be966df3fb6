"""The rows of a small table in text, whatever separates its columns: `::`, tabs, commas, semicolons or bars."""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from ncf_keras.data.logs.dialect import guess_delimiter
from ncf_keras.data.reading import Lines


def table_rows(file: Path, text: io.TextIOBase, escape: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each line that is not blank, with its number.

    Only commas and semicolons are quoted as in CSV, because titles hold quotation marks; elsewhere a field that
    is quoted as a whole is unquoted.

    Args:
        file: its name tells what separates the columns, and its first line.
        text: what is read.
        escape: what stands in CSV before a character that is meant literally.
    """
    lines = Lines(text)
    # What the first line that is not blank tells; the blank ones before it hold nothing.
    skipped, first = next(((n, line) for n, line in enumerate(lines) if line.strip()), (0, ""))
    delimiter = guess_delimiter(first, file)
    rest = itertools.chain([first], lines)
    for number, row in _rows(rest, delimiter, escape):
        lines.taken = 0
        if any(row):
            yield skipped + number, row


def _rows(lines: Iterable[str], delimiter: str, escape: str | None) -> Iterator[tuple[int, list[str]]]:
    if delimiter in (",", ";"):
        reader = csv.reader(lines, delimiter=delimiter, escapechar=escape)
        yield from ((reader.line_num, row) for row in reader)
    else:
        yield from enumerate((_fields(line, delimiter) for line in lines), 1)


def _fields(line: str, delimiter: str) -> list[str]:
    return [_unquoted(field) for field in line.rstrip("\r\n").split(delimiter)]


def _unquoted(field: str) -> str:
    if len(field) > 1 and field.startswith('"') and field.endswith('"'):
        return field[1:-1].replace('""', '"')
    return field
