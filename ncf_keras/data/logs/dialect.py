"""How the columns of a text are told apart: found out from its first line, unless the user says."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.logs.layout import Dialect, is_quoted_by_default
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.reading import may_be_quoted, number_in

DELIMITERS = ("::", "\t", ",", ";", "|", " ")
SUFFIX_DELIMITERS = {".tsv": "\t", ".dat": "::", ".data": "\t", ".inter": "\t", ".item": "|"}
PACKED_SUFFIXES = {".gz", ".bz2", ".zst"}


def split_line(line: str, delimiter: str, quoted: bool | None = None) -> list[str]:
    """Split one line into fields; None: quoted as in CSV unless tabs or several characters separate them."""
    line = line.rstrip("\r\n")
    if quoted is None:
        quoted = is_quoted_by_default(delimiter)
    if not quoted:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def guess_delimiter(line: str, file: Path, quoted: bool | None = None) -> str:
    """Return the delimiter that the file name suggests if it splits `line`, else the one that splits it most.

    A space counts only where nothing else splits the line: titles and dates hold spaces.
    """
    suffixes = [suffix for suffix in file.suffixes if suffix not in PACKED_SUFFIXES]
    likely = SUFFIX_DELIMITERS.get(suffixes[-1] if suffixes else "")
    if likely and len(split_line(line, likely, quoted)) > 1:
        return likely
    counts = {delimiter: len(split_line(line, delimiter, quoted)) for delimiter in DELIMITERS[:-1]}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] > 1 else DELIMITERS[-1]


def delimiter_told(line: str) -> str | None:
    """Return the delimiter that a first line names for Excel, as in `sep=;`; None if it does not."""
    told = re.fullmatch(r'"?sep=([^"\r\n\0])"?', line.strip("\r\n"))
    return told[1] if told else None


def dialect_of(lines: Sequence[str], file: Path, options: LogOptions) -> Dialect:
    """Return how the columns of a text are told apart, given its first two lines that are not blank.

    Between tabs, fields are quoted if all texts of one of the two are, two or more.

    Raises:
        InputError: it can't be read as the user says.
    """
    said = {"auto": None, "csv": True, "none": False}[options.quoting]
    literal = False if said is False else None
    line = lines[0] if lines else ""
    delimiter = options.delimiter or delimiter_told(line) or guess_delimiter(line, file, literal)
    if said and not may_be_quoted(delimiter):
        raise InputError(
            "`quoting` must be none where other than one ASCII character separates the columns, as "
            f"{delimiter[:LONGEST_SHOWN]!r} does. Received: csv"
        )
    if options.escape == delimiter:
        raise InputError(f"`escape` must not be what separates the columns. Received: {options.escape!r}")
    are_quoted = delimiter == "\t" and any(_all_quoted(line, delimiter) for line in lines)
    quoted = is_quoted_by_default(delimiter) or are_quoted
    return Dialect(delimiter, quoted if said is None else said, options.escape)


def _all_quoted(line: str, delimiter: str) -> bool:
    texts = [field for field in line.strip("\r\n").split(delimiter) if number_in(field or "0") is None]
    return len(texts) > 1 and all(len(text) > 1 and text[0] == text[-1] == '"' for text in texts)
