"""What was found out about a raw log: how it is written, and where its columns are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ncf_keras.base.terminal import LONGEST_SHOWN, shown
from ncf_keras.data.reading import may_be_quoted

SEPARATORS = {"\t": "tabs", ",": "commas", " ": "spaces"}


def is_quoted_by_default(delimiter: str) -> bool:
    """Tell whether fields between such delimiters are quoted as in CSV, where nothing else is known.

    Tabs stand between fields that hold no tab, so that their writers quote nothing; titles hold lone quotes.
    """
    return may_be_quoted(delimiter) and delimiter != "\t"


@dataclass(frozen=True)
class Dialect:
    """How the columns of a text are told apart.

    Attributes:
        delimiter: what stands between them.
        quoted: whether a field may be quoted as in CSV; otherwise quotation marks are letters.
        escape: the character before one that is meant literally, if there is one.
    """

    delimiter: str
    quoted: bool
    escape: str | None = None

    def in_words(self) -> str:
        """Return it for a sentence, with what is not as usual for the delimiter."""
        words = f"separated by {SEPARATORS.get(self.delimiter, repr(self.delimiter[:LONGEST_SHOWN]))}"
        if self.quoted != is_quoted_by_default(self.delimiter):
            words += " and quoted as in CSV" if self.quoted else ", quotation marks as letters"
        return words + (f", {self.escape!r} before what is meant literally" if self.escape else "")


@dataclass(frozen=True)
class LogLayout:
    """Where a file of a log keeps its columns.

    Attributes:
        kind: `text`, `JSON` or `Parquet`.
        names: the column names, in JSON the keys with dots between nested ones; None if there is no header.
        width: number of columns.
        positions: the column of each role that the log has, counted from 0.
        by_place: the roles whose column is a guess by its place alone.
        encoding: of a text that is in another than UTF-8, as the user named it.
        dialect: of a text.
        header_lines: of a text, the lines before the data: those of the header and blank ones.
        paths: in JSON, the keys that lead to each of `names`.
    """

    kind: str
    names: tuple[str, ...] | None
    width: int
    positions: Mapping[str, int]
    by_place: frozenset[str] = frozenset()
    encoding: str | None = None
    dialect: Dialect | None = None
    header_lines: int = 0
    paths: tuple[tuple[str, ...], ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return the layout for JSON; columns are counted from 1."""
        columns = {role: self._column(position) for role, position in self.positions.items()}
        found: dict[str, Any] = {"format": self.kind, "delimiter": None, "header": self.names is not None}
        if self.dialect is not None:
            found["delimiter"] = self.dialect.delimiter
            found |= {"quoted": self.dialect.quoted, "escape": self.dialect.escape}
        found["columns"] = columns
        return found | ({"encoding": self.encoding} if self.encoding else {})

    def in_words(self) -> str:
        """Return how the file is read, for people: `text separated by commas, with a header: user in …`."""
        columns = [f"{role} in {self._column(position)}" for role, position in self.positions.items()]
        if "rating" not in self.positions:
            columns.append("no rating, so that every row is a positive")
        if "timestamp" not in self.positions:
            columns.append("no timestamp")
        return f"{self.how()}: {', '.join(columns)}"

    def how(self) -> str:
        """Return what the file is read as, without its columns."""
        how = self.kind if self.dialect is None else f"text {self.dialect.in_words()}"
        if self.encoding:
            how += f", in {self.encoding}"
        if self.dialect is not None:
            how += f", {'without' if self.names is None else 'with'} a header"
        return how

    def _column(self, position: int) -> str:
        if self.kind == "JSON":
            return f"key {shown(self.names[position])}" if self.names else ""
        name = f" ({shown(self.names[position])})" if self.names else ""
        return f"column {position + 1}{name}"
