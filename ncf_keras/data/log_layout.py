"""Where a raw log keeps its columns: its delimiter, its header, and which column is the user, the item, …"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN, shown
from ncf_keras.data.reading import may_be_quoted, number_in

ROLES = ("user", "item", "rating", "timestamp")
DELIMITERS = ("::", "\t", ",", ";", "|", " ")
# A column that is counted from 1.
COLUMN_NUMBER = re.compile("[1-9][0-9]{0,5}")
SUFFIX_DELIMITERS = {".tsv": "\t", ".dat": "::", ".data": "\t", ".inter": "\t", ".item": "|"}
# Header names that need no flag, as letters and digits only: `User_ID` and `userId` are both `userid`.
KNOWN_NAMES = {
    "user": {"user", "userid", "uid", "customer", "customerid", "visitor", "visitorid", "member", "memberid",
             "reviewerid"},
    "item": {"item", "itemid", "iid", "movie", "movieid", "product", "productid", "book", "bookid", "isbn",
             "track", "trackid", "song", "songid", "article", "articleid", "asin", "parentasin"},
    "rating": {"rating", "ratings", "score", "stars", "overall"},
    "timestamp": {"timestamp", "time", "ts", "date", "datetime", "unixreviewtime"},
}  # fmt: skip


@dataclass(frozen=True)
class LogColumns:
    """What the user says about a log; everything left out is found out.

    Attributes:
        user, item: the name of the column, or its number counted from 1.
        rating, timestamp: the same, or `none` where the log has none, such as a log of clicks.
        delimiter: any string, such as `::`; `\\t` and `tab` mean a tab. Text logs only.
        header: whether the first line names the columns. Text logs only.
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None
    delimiter: str | None = None
    header: bool | None = None

    def __post_init__(self):
        if self.delimiter in ("\\t", "tab"):
            object.__setattr__(self, "delimiter", "\t")
        if self.delimiter is not None and not re.fullmatch(r'[^"\r\n\0]+', self.delimiter):
            raise InputError(
                "`delimiter` must be one or more characters, none of them a quotation mark, NUL or a line end. "
                f"Received: {self.delimiter[:LONGEST_SHOWN]!r}"
            )
        for role in ("user", "item"):
            if getattr(self, role) == "none":
                raise InputError(f"`{role}` must name a column. Received: none")

    def by_role(self) -> dict[str, str]:
        """Return what was said about the columns, by role."""
        said = {role: getattr(self, role) for role in ROLES}
        return {role: column for role, column in said.items() if column is not None}


@dataclass(frozen=True)
class LogLayout:
    """What was found out about a log.

    Attributes:
        delimiter: None in Parquet.
        header_lines: lines before the data: those of the header and blank ones; 0 in Parquet.
        names: the column names; None if there is no header.
        width: number of columns.
        positions: the column of each role that the log has, counted from 0.
    """

    delimiter: str | None
    header_lines: int
    names: tuple[str, ...] | None
    width: int
    positions: Mapping[str, int]

    def describe(self) -> dict[str, Any]:
        """Return the layout for people and for JSON; columns are counted from 1."""
        columns = {}
        for role, position in self.positions.items():
            name = f" ({shown(self.names[position])})" if self.names else ""
            columns[role] = f"column {position + 1}{name}"
        return {"delimiter": self.delimiter, "header": self.names is not None, "columns": columns}


def letters_of(name: str) -> str:
    """Return the letters and digits of a column name, in lower case and without its type: `userid`."""
    return re.sub(r"[^a-z0-9]", "", _without_type(name).lower())


def split_line(line: str, delimiter: str) -> list[str]:
    """Split one line into fields: quoted as in CSV if the delimiter allows that, else literally."""
    line = line.rstrip("\r\n")
    if not may_be_quoted(delimiter):
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def guess_delimiter(line: str, file: Path) -> str:
    """Return the delimiter that the file name suggests if it splits `line`, else the one that splits it most.

    A space counts only where nothing else splits the line: titles and dates hold spaces.
    """
    suffixes = [suffix for suffix in file.suffixes if suffix != ".gz"]
    likely = SUFFIX_DELIMITERS.get(suffixes[-1] if suffixes else "")
    if likely and len(split_line(line, likely)) > 1:
        return likely
    counts = {delimiter: len(split_line(line, delimiter)) for delimiter in DELIMITERS[:-1]}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] > 1 else DELIMITERS[-1]


def has_header(first: Sequence[str], second: Sequence[str], columns: LogColumns) -> bool:
    """Tell whether the fields `first` of the first line are names, given those of the line after it.

    They are if one is what the user names, if two are names known for their role, or if there is a word and no
    number where the second line has its rating and timestamp.
    """
    said = columns.by_role()
    plain = {_without_type(field) for field in first} | set(first)
    known = [role for role in ROLES if any(letters_of(field) in KNOWN_NAMES[role] for field in first)]
    if len(known) >= 2 or any(
        name in plain and name != "none" and not name.isdigit() for name in said.values()
    ):
        return True
    places = [(said.get(role, ""), default) for default, role in ((2, "rating"), (3, "timestamp"))]
    numeric = [int(column) - 1 if COLUMN_NUMBER.fullmatch(column) else default for column, default in places]
    pairs = [(first[at], second[at]) for at in numeric if 0 <= at < min(len(first), len(second))]
    names_are_numbers = [number_in(name) is not None for name, _ in pairs]
    words = [name.strip() and number_in(value) is not None for name, value in pairs]
    return any(words) and not any(names_are_numbers)


def find_columns(file: str, names: Sequence[str] | None, width: int, columns: LogColumns) -> dict[str, int]:
    """Return the column of each role, counted from 0; rating and timestamp may be absent.

    What the user names comes first. Else, with a header, the column whose name is known for the role; without
    one, the order of MovieLens and of the authors' files: user, item, rating, timestamp.
    """
    said = columns.by_role()
    named = {role: column for role, column in said.items() if column != "none"}
    found = {role: _said_column(file, role, column, names, width) for role, column in named.items()}
    taken = set(found.values())
    for default, role in enumerate(ROLES):
        if role not in said:
            position = default if names is None else _known_column(file, role, names, taken)
            if position is not None and position < width and position not in taken:
                found[role] = position
    for role in ("user", "item"):
        if role not in found:
            has = f"the columns {listed(names)}" if names is not None else f"{width} column(s) and no header"
            raise InputError(
                f"`{role}` must name the column of {file} with the {role} ids (or `delimiter` what "
                f"separates its columns). Received: a file with {has}"
            )
    if len(set(found.values())) < len(found):
        pairs = ", ".join(f"{role} {position + 1}" for role, position in found.items())
        raise InputError(f"The columns of {file} must each have one role. Received: {pairs}")
    return {role: found[role] for role in ROLES if role in found}


def _said_column(file: str, role: str, wanted: str, names: Sequence[str] | None, width: int) -> int:
    if names is not None:
        for candidates in (list(names), [_without_type(name) for name in names]):
            if (count := candidates.count(wanted)) > 1:
                raise InputError(
                    f"`{role}` must name one column of {file}. Received: {shown(wanted)}, the name of {count} "
                    "columns; give its number"
                )
            if wanted in candidates:
                return candidates.index(wanted)
    if COLUMN_NUMBER.fullmatch(wanted) and int(wanted) <= width:
        return int(wanted) - 1
    choice = f"one of {listed(names)} or " if names is not None else ""
    raise InputError(
        f"`{role}` must be {choice}a column number of {file} from 1 to {width}. Received: {shown(wanted)}"
    )


def _known_column(file: str, role: str, names: Sequence[str], taken: set[int]) -> int | None:
    free = [position for position in range(len(names)) if position not in taken]
    matches = [position for position in free if letters_of(names[position]) in KNOWN_NAMES[role]]
    if len(matches) > 1:
        called = listed([names[position] for position in matches])
        raise InputError(f"`{role}` must say which column of {file} it is. Received: no flag, and {called}")
    return matches[0] if matches else None


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names for a sentence: the first ones, each no longer than is of use."""
    return ", ".join(shown(name) for name in names[:most]) + (", …" if len(names) > most else "")


def _without_type(name: str) -> str:
    """Drop the type that some formats append to a column name, as in `user_id:token`."""
    return name.split(":")[0].strip()
