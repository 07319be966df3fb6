"""Tables as Markdown and as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

NOTHING = "—"


@dataclass
class TextTable:
    """A header and rows; a float is a figure of four digits, None is what is not there.

    Attributes:
        header: names of the columns.
        rows: as wide as the header.
        signed: columns in which a float is a difference and shows its sign.
        code: columns that hold commands.
    """

    header: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    signed: Sequence[int] = ()
    code: Sequence[int] = ()

    def markdown(self) -> str:
        """Return the table as Markdown, an empty line behind it."""
        lines = [self.header, ["---"] * len(self.header)]
        lines += [[self._shown(value, column) for column, value in enumerate(row)] for row in self.rows]
        return "".join("| " + " | ".join(line) + " |\n" for line in lines) + "\n"

    def _shown(self, value: object, column: int) -> str:
        if value is None:
            return NOTHING
        if isinstance(value, int):
            return f"{value:,}"
        if isinstance(value, float):
            return f"{value:+.4f}" if column in self.signed else f"{value:.4f}"
        text = str(value).replace("|", "\\|")
        return f"`{text}`" if column in self.code else text


def to_csv(tables: Sequence[tuple[str, TextTable]], first: str) -> str:
    """Return tables of one header as one CSV, floats in full precision, what is missing empty.

    Args:
        tables: each with what stands in the first column of its rows.
        first: the name of that column.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([first, *tables[0][1].header] if tables else [first])
    for name, table in tables:
        writer.writerows([name, *("" if value is None else value for value in row)] for row in table.rows)
    return text.getvalue()
