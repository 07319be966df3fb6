"""What is put down of a public data set: its files, the command that reads them, and what they hold."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Layout(NamedTuple):
    """One public data set.

    Attributes:
        command: the line that docs/public_data.md prints. It may begin with programs that pipe into it; or the
            end of a block of Python.
        files: the bytes of each file, by the publisher's name.
        items: of each user the items that stay: from the first to the latest where there are times.
        dropped: number of rows that do not stay, by reason.
        by_time: whether the latest is held out, and not a random one.
        titles: of the items that have one.
    """

    command: str
    files: Mapping[str, bytes]
    items: Mapping[str, list[str]]
    dropped: Mapping[str, int] = {}
    by_time: bool = True
    titles: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """The dataset's name, as the command has it behind `Data/`."""
        (name,) = re.findall(r'Data/(?:", ")?([\w-]+)', self.command)
        return name

    def write(self, directory: Path) -> None:
        """Write the files into a directory."""
        for file, content in self.files.items():
            (directory / file).write_bytes(content)


REPEATED = "repeated (user, item), first kept"
NOT_POSITIVE = "rating not above 0"


def lines(*rows: str, end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Return rows as the bytes of a file."""
    return "".join(row + end for row in rows).encode(encoding)


def json_lines(rows: Iterable[Mapping[str, Any]], compact: bool = False, ascii_only: bool = True) -> bytes:
    """Return dicts as JSON lines, with or without a blank after commas and colons."""
    separators = (",", ":") if compact else (", ", ": ")
    return lines(*(json.dumps(row, separators=separators, ensure_ascii=ascii_only) for row in rows))
