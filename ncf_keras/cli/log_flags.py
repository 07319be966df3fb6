"""The flags that say how a raw log is read, shared by the commands that read one."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ncf_keras.data.logs.options import LogOptions


def add_column_flags(parser: argparse.ArgumentParser, with_times: bool = True) -> None:
    """Add the flags that name columns and say what stands in them; those about timestamps if asked for."""
    group = parser.add_argument_group("the columns (by name or by number from 1; within another: user.id)")
    for role, absent in (("user", ""), ("item", ""), ("rating", ", or none")):
        group.add_argument(f"--{role}", metavar="COLUMN", help=f"the {role} column{absent}")
    if with_times:
        group.add_argument("--timestamp", metavar="COLUMN", help="the timestamp column, or none")
        meaning = "hold out a random interaction of each user, not the latest"
        group.add_argument("--no_timestamps", action="store_true", help=meaning)
        meaning = "how timestamps are written, such as '%%m/%%d/%%Y'; left out: as numbers or ISO 8601 dates"
        group.add_argument("--time_format", metavar="FORMAT", help=meaning)
    meaning = "a text that stands for a missing value, such as NULL; may be given several times"
    group.add_argument("--missing", action="append", metavar="TEXT", help=meaning)


def add_format_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how a log is written."""
    group = parser.add_argument_group("how the log is written")
    formats = ("auto", "text", "json", "parquet")
    meaning = "what the log is; auto: as its first bytes tell"
    group.add_argument("--format", choices=formats, default="auto", help=meaning)
    meaning = "of text and JSON, such as latin-1 or cp1252; left out: UTF-8, or UTF-16 where it begins so"
    group.add_argument("--encoding", metavar="NAME", help=meaning)
    meaning = "what separates the columns of a text, such as ';', '::' or tab"
    group.add_argument("--delimiter", metavar="TEXT", help=meaning)
    meaning = "whether the first line of a text names the columns"
    group.add_argument("--header", choices=("auto", "yes", "no"), default="auto", help=meaning)
    meaning = "csv: fields may be quoted; none: quotation marks are letters; auto: none for tabs and ::"
    group.add_argument("--quoting", choices=("auto", "csv", "none"), default="auto", help=meaning)
    meaning = "what stands before a character that is meant literally, such as a backslash"
    group.add_argument("--escape", metavar="CHARACTER", help=meaning)


def log_options(flags: argparse.Namespace) -> "LogOptions":
    """Return what the flags say; those that a command does not have are left out."""
    from ncf_keras.data.logs.options import LogOptions

    said = {name: vars(flags)[name] for name in LogOptions.__dataclass_fields__ if name in flags}
    header = {"auto": None, "yes": True, "no": False}[flags.header]
    return LogOptions(**(said | {"header": header, "missing": tuple(flags.missing or ())}))
