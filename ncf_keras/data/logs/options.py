"""What a user says about a raw log; everything left out is found out."""

import codecs
import io
import re
from dataclasses import dataclass, fields
from typing import Literal

from ncf_keras.base.checks import require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import missing_marks
from ncf_keras.base.terminal import LONGEST_SHOWN, shown

ROLES = ("user", "item", "rating", "timestamp")
# Which arguments make no sense for which kind of log.
OF_TEXT_ALONE = ("delimiter", "header", "quoting", "escape")
# These codecs are no encodings that a file is written in.
NO_ENCODINGS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}


@dataclass(frozen=True)
class LogOptions:
    """How a raw log is to be read.

    Attributes:
        user, item: the name of the column, or its number counted from 1; in JSON a key. What is within
            another has dots: `user.id`.
        rating, timestamp: the same, or `none` where the log has none, such as a log of clicks.
        no_timestamps: read no timestamps. Otherwise the log must have them.
        format: `text`, `json`, `parquet`, or `auto`: told by the first bytes.
        encoding: of text and JSON, such as `latin-1`; None: UTF-8, or what a byte order mark says.
        delimiter: any string, such as `::`; `\\t` and `tab` mean a tab. Text alone, as the next three.
        header: whether the first line names the columns; None: it is found out.
        quoting: `csv`: fields may be quoted; `none`: quotation marks are letters; `auto`: see `dialect_of`.
        escape: the character before one that is meant literally, such as a backslash.
        missing: texts that stand for a missing value, in every column.
        time_format: how timestamps are written, as in `%m/%d/%Y` of Python's `strptime`.
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None
    no_timestamps: bool = False
    format: Literal["auto", "text", "json", "parquet"] = "auto"
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    quoting: Literal["auto", "csv", "none"] = "auto"
    escape: str | None = None
    missing: tuple[str, ...] = ()
    time_format: str | None = None

    def __post_init__(self):
        for argument in ("encoding", "delimiter", "escape"):
            value = getattr(self, argument)
            if value is not None and not isinstance(value, str):
                raise InputError(f"`{argument}` must be a text. Received: {repr(value)[:LONGEST_SHOWN]}")
        # Of the words of the command, such as "no", any would count as true.
        for argument, allowed in (("header", (True, False, None)), ("no_timestamps", (True, False))):
            value = getattr(self, argument)
            if not any(value is one for one in allowed):
                words = " or ".join(map(str, allowed))
                raise InputError(f"`{argument}` must be {words}. Received: {repr(value)[:LONGEST_SHOWN]}")
        if self.no_timestamps and self.timestamp not in (None, "none"):
            raise InputError(
                f"`no_timestamps` must come without `timestamp`. Received: `timestamp` {self.timestamp}"
            )
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
        require_one_of(self.format, ("auto", "text", "json", "parquet"), "format")
        require_one_of(self.quoting, ("auto", "csv", "none"), "quoting")
        escape = self.escape
        if escape is not None and (
            len(escape) != 1 or not escape.isascii() or escape in '"\r\n\0' or escape == self.delimiter
        ):
            raise InputError(
                "`escape` must be one ASCII character, neither a quotation mark nor the delimiter nor a line "
                f"end. Received: {escape[:LONGEST_SHOWN]!r}"
            )
        object.__setattr__(self, "missing", missing_marks(self.missing))
        if self.encoding is not None:
            require_encoding(self.encoding)

    def by_role(self) -> dict[str, str]:
        """Return what was said about the columns, by role."""
        said = {role: getattr(self, role) for role in ROLES}
        return {role: column for role, column in said.items() if column is not None}

    def require_fit(self, kind: str, file: object, without: tuple[str, ...]) -> None:
        """Raise InputError if an argument that a log of this kind has no use for was given."""
        defaults = {field.name: field.default for field in fields(self)}
        for argument in without:
            if getattr(self, argument) != defaults[argument]:
                raise InputError(f"`{argument}` must be left out for {kind}. Received: {file}")


def require_encoding(name: str) -> None:
    """Raise InputError unless Python knows an encoding of text by this name."""
    try:
        found = codecs.lookup(name).name
        # Which takes no other codecs, such as base64.
        io.TextIOWrapper(io.BytesIO(), encoding=name).close()
    except (LookupError, ValueError):
        found = ""
    # Python looks beyond a line end in a name.
    if not found or found in NO_ENCODINGS or not name.isprintable():
        raise InputError(
            "`encoding` must be the name of one, such as utf-8, latin-1, cp1252 or utf-16. "
            f"Received: {shown(name)}"
        )
