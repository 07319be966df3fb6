"""The records of a JSON text, one after another or in one array, without the whole text in memory."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import shown

# Characters that are read at once: few, so that what is made of them stays near the processor.
BLOCK = 1 << 18
# Records that are yielded at once: so many, and no more than begin within so many characters.
BATCH, BATCH_CHARACTERS = 1 << 10, 1 << 22
LONGEST_RECORD = 1 << 24
BLANK = re.compile(r"[ \t\r\n]*")


class JsonRecords:
    """Yields each record, a dict, or many at once.

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
        return self._one_by_one(in_array=self._next() == "[")

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the records, many at once: where each has a line of its own, many lines are parsed at once."""
        in_array = self._next() == "["
        while not in_array and (batch := self._lines()) is not None:
            if not batch:
                return
            yield batch
        batch, begin = [], self.characters
        for record in self._one_by_one(in_array):
            batch.append(record)
            if len(batch) == BATCH or self.characters - begin >= BATCH_CHARACTERS:
                yield batch
                batch, begin = [], self.characters
        if batch:
            yield batch

    def _lines(self) -> list[dict[str, Any]] | None:
        """Return the records of the next lines, none at the end; None where a line is not one record."""
        self._next()
        while (end := self._buffer.rfind("\n", self._at)) < 0 and self._more():
            if len(self._buffer) > LONGEST_RECORD:
                return None
        end = end if end >= 0 else len(self._buffer)
        lines = [line for line in self._buffer[self._at : end].split("\n") if line.strip(" \t\r")]
        try:
            records = json.loads(f"[{','.join(lines)}]")
        except (ValueError, RecursionError):
            return None
        # A line end within a text, which JSON forbids, was taken for a comma.
        if len(records) != len(lines) or set(map(type, records)) - {dict}:
            return None
        self._at = end
        return records

    def _one_by_one(self, in_array: bool) -> Iterator[dict[str, Any]]:
        decode = json.JSONDecoder().raw_decode
        self._next()
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

    def _longer(self, decode: Callable[[str, int], tuple[Any, int]]) -> tuple[Any, int]:
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
