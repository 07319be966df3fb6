"""The records of a JSON text, one after another or in one array, without the whole text in memory."""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import shown

BLOCK = 1 << 20
LONGEST_RECORD = 1 << 24
BLANK = re.compile(r"[ \t\r\n]*")


class JsonRecords:
    """Yields each record, a dict.

    Args:
        text: what to read.
        name: of the file, for errors.

    Attributes:
        line: the line on which the last record begins, counted from 1.
        characters: how many were read so far.

    Raises:
        InputError: it is no JSON, a record is no object or has no end, or an array is cut short.
    """

    def __init__(self, text: TextIO, name: str):
        self._text, self._name = text, name
        self._buffer = ""
        self._at = 0
        self._lines_before = 0
        self.characters = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        decode = json.JSONDecoder().raw_decode
        in_array = self._next() == "["
        self._at += in_array
        is_first = True
        while (letter := self._next()) and not (in_array and letter == "]"):
            if in_array and not is_first:
                if letter != ",":
                    raise self._wrong("must have a comma between the records of its array")
                self._at += 1
                self._next()
            is_first = False
            try:
                record, end = decode(self._buffer, self._at)
            except (ValueError, RecursionError):
                # It may be the end of what was read so far.
                record, end = self._longer(decode)
            if type(record) is not dict:
                raise self._wrong('must be a JSON object, such as {"user": "ann", "item": 7}')
            yield record
            self._at = end
        if in_array:
            if letter != "]":
                raise InputError(
                    f"{self._name} must end with the end of its array. Received: the end of the file"
                )
            self._at += 1
            if self._next():
                raise self._wrong("must end after its array")

    @property
    def line(self) -> int:
        """The line of the place that was reached."""
        return 1 + self._lines_before + self._buffer.count("\n", 0, self._at)

    def _next(self) -> str:
        """Go on to the next character that is not blank and return it; an empty text at the end."""
        while True:
            match = BLANK.match(self._buffer, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, at least as much again as is left; return whether there was anything."""
        rest = len(self._buffer) - self._at
        block = self._text.read(max(BLOCK, rest))
        self.characters += len(block)
        self._lines_before += self._buffer.count("\n", 0, self._at)
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        return bool(block)

    def _longer(self, decode: Any) -> tuple[Any, int]:
        """Return a record that what was read so far holds no more than the beginning of."""
        while len(self._buffer) - self._at <= LONGEST_RECORD:
            is_end = not self._more()
            try:
                return decode(self._buffer, self._at)
            except (ValueError, RecursionError):
                if is_end:
                    raise self._wrong("must be a JSON object") from None
        raise self._wrong(f"must be a JSON object of at most {LONGEST_RECORD:,} characters")

    def _wrong(self, rule: str) -> InputError:
        begin = self._buffer[self._at : self._at + 80]
        received = shown(begin.split("\n")[0])
        if re.match(r"\{\s*u?'", begin):
            received += ", as Python writes it: `json.dumps(ast.literal_eval(line))` makes JSON of each line"
        return InputError(f"{self._name}, line {self.line} {rule}. Received: {received}")
