"""How the cells of a column become codes, each of which is a binary feature; it is found once and then kept."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.feature_bins import (
    BETWEEN_BOUNDS,
    bins_of,
    edges_of,
    edges_without,
    names_of_bins,
    number_text,
)
from ncf_keras.data.feature_kinds import (
    CATEGORIES,
    DATE,
    ISO8601,
    KINDS,
    NUMBER,
    TEXT,
    form_of_dates,
    is_no_value,
    number_of,
    parts_of,
    seconds_of,
    words_of,
)
from ncf_keras.data.tidy_times import known_forms
from ncf_keras.data.word_hash import word_buckets

MISSING = "missing"
# What the names of categories begin with that only forgotten users had.
FORGOTTEN_NAME = "forgotten "
BUCKETS = 1024
# More would be no table of a model any more; int32 and float32 count so far.
MOST_CATEGORIES = 1 << 24


@dataclass(frozen=True)
class Encoding:
    """What the codes of a column mean.

    A code never changes: what comes later goes behind. The category `missing` is that of rows without a value;
    a column has it if it has had such a row.

    Attributes:
        kind: `categories`, `number`, `date` or `text`.
        categories: the name of each code. Of numbers and dates those of the bins, of a text the numbers of the
            buckets.
        edges: where each bin but the first begins, ascending; of dates in Unix seconds.
        time_format: of dates, in the letters of Python's strptime, or `ISO8601`.
    """

    kind: str
    categories: tuple[str, ...]
    edges: tuple[float, ...] = ()
    time_format: str | None = None

    @classmethod
    def of(cls, name: str, cells: Sequence[str], kind: str) -> "Encoding":
        """Find the encoding of a column; InputError, with its name, if a cell is none of that kind."""
        texts = list(dict.fromkeys(cells))
        if kind == CATEGORIES:
            return cls(kind, ()).grown(name, texts)
        if kind == TEXT:
            return cls(kind, tuple(map(str, range(BUCKETS)))).grown(name, texts)
        filled = [cell for cell in texts if not is_no_value(cell, kind)]
        if not filled:
            raise InputError(f"The column {name[:LONGEST_SHOWN]!r} must have a {kind}. Received: none")
        form = form_of_dates(filled) if kind == DATE else None
        if kind == DATE and form is None:
            raise InputError(
                f"The column {name[:LONGEST_SHOWN]!r} must be dates of one form. "
                f"Received: {filled[0][:LONGEST_SHOWN]!r}"
            )
        bare = cls(kind, (), (), form)
        # Every row counts, so that bins are of as many rows.
        values = bare.numbers_in(list(cells))
        values = values[np.isfinite(values)]
        edges = edges_of(values)
        text_of: Callable[[float], str] = number_text
        if kind == DATE:
            # With their times if one of the values has one.
            text_of = partial(_date_text, unit="s" if (values % 86_400).any() else "D")
        names = names_of_bins(values, edges, text_of)
        return replace(bare, categories=tuple(names), edges=tuple(edges.tolist())).grown(name, texts)

    @property
    def missing(self) -> int | None:
        """The code of a missing value, None if the column has none."""
        return self.categories.index(MISSING) if MISSING in self.categories else None

    @property
    def num_buckets(self) -> int:
        """How many buckets the words of a text have."""
        return len(self.categories) - (self.missing is not None)

    def grown(self, name: str, cells: Sequence[str]) -> "Encoding":
        """Return the encoding with what else these cells hold behind what is there.

        Raises:
            InputError: one is no value of this kind; the column is named.
        """
        texts = list(dict.fromkeys(cells))
        more: set[str] = set()
        if self.kind == CATEGORIES:
            more = set().union(*map(parts_of, texts)).difference(self.categories)
        elif self.kind != TEXT:
            self._require_values(name, texts)
        categories = (*self.categories, *sorted(more - {MISSING}))
        lacks = MISSING in more or any(is_no_value(cell, self.kind) for cell in texts)
        if lacks and MISSING not in categories:
            categories = (*categories, MISSING)
        return self if categories == self.categories else replace(self, categories=categories)

    def without_names(self, codes: Collection[int]) -> "Encoding":
        """Return the encoding in which these codes are called `forgotten 7` and so on, not as they were."""
        return self.renamed({code: f"{FORGOTTEN_NAME}{code}" for code in codes})

    def renamed(self, names: Mapping[int, str]) -> "Encoding":
        """Return the encoding with other names of some codes; one that is taken gets a number behind it."""
        if not names:
            return self
        taken = {name for code, name in enumerate(self.categories) if code not in names}
        categories = list(self.categories)
        for code, name in sorted(names.items()):
            categories[code] = next(
                one for one in chain([name], (f"{name} ({n})" for n in count(2))) if one not in taken
            )
            taken.add(categories[code])
        return replace(self, categories=tuple(categories))

    def without_values(self, gone: np.ndarray, kept: np.ndarray) -> "Encoding":
        """Return the encoding of a number or date with no name or edge of a bin that says one of some values.

        The code of each other value stays as it is: the edge goes to the lowest value of the bin, or half way
        to the next one if the bin has none.

        Args:
            gone: numbers, or dates in Unix seconds, of users who are forgotten; float64, any order.
            kept: those of everybody else.
        """
        gone = np.setdiff1d(gone[np.isfinite(gone)], kept)
        kept = np.unique(kept[np.isfinite(kept)])
        text_of: Callable[[float], str] = number_text
        if self.kind == DATE:
            has_times = any(":" in name for name in self.categories)
            text_of = partial(_date_text, unit="s" if has_times else "D")
        texts = set(map(text_of, gone))
        had = bins_of(kept, np.array(self.edges))
        names: dict[int, str] = {}
        codes = [code for code in range(len(self.categories)) if code != self.missing]
        for place, code in enumerate(codes):
            if texts.intersection(self.categories[code].split(BETWEEN_BOUNDS)):
                inside = kept[had == place]
                bounds = [text_of(inside[0]), text_of(inside[-1])] if inside.size else []
                names[code] = BETWEEN_BOUNDS.join(dict.fromkeys(bounds)) or f"{FORGOTTEN_NAME}{code}"
        return replace(self.renamed(names), edges=tuple(edges_without(self.edges, gone, kept).tolist()))

    def bounds_of(self, code: int) -> tuple[float, float]:
        """Return where the bin of a code begins, and where it ends: infinity where nothing bounds it."""
        place = code - (self.missing is not None and self.missing < code)
        ends = (-math.inf, *self.edges, math.inf)
        return ends[place], ends[place + 1]

    def encode(self, cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes of each row.

        A category that is not known has no code. A missing value, and what is no number or date, has the code
        of missing values, if there is one.

        Returns:
            offsets: int64, shape (rows + 1,).
            codes: int32. Those of row r are `codes[offsets[r]:offsets[r + 1]]`, ascending.
        """
        places, texts = pd.factorize(np.array([*cells, ""], dtype=object))
        rows = self._codes(list(texts))
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        flat = np.fromiter(chain.from_iterable(rows), np.int32)
        places = places[:-1]
        offsets = np.concatenate([[0], np.cumsum(lengths[places])]).astype(np.int64)
        moved = (np.cumsum(lengths) - lengths)[places] - offsets[:-1]
        return offsets, flat[np.arange(offsets[-1]) + np.repeat(moved, lengths[places])]

    def numbers_in(self, cells: Sequence[str]) -> np.ndarray:
        """Return the numbers, or the dates in seconds, of cells: float64, NaN where there is none."""
        if self.kind == NUMBER:
            return np.fromiter(map(number_of, cells), np.float64, len(cells))
        assert self.time_format is not None
        return seconds_of(cells, self.time_format)

    def in_words(self) -> str:
        """Return what a column is, such as `categories, 18`, for people."""
        number = len(self.categories) - (self.missing is not None)
        unit = {CATEGORIES: "", TEXT: " buckets"}.get(self.kind, " bins" if number != 1 else " bin")
        return f"{self.kind}, {number:,}{unit}"

    def to_json(self) -> dict[str, Any]:
        """Return the encoding as values of JSON."""
        if self.kind == TEXT:
            return {"kind": self.kind, "buckets": self.num_buckets, MISSING: self.missing is not None}
        said: dict[str, Any] = {"kind": self.kind, "categories": list(self.categories)}
        if self.kind in (NUMBER, DATE):
            said["edges"] = list(self.edges)
        if self.kind == DATE:
            said["time_format"] = self.time_format
        return said

    @classmethod
    def from_json(cls, said: Any) -> "Encoding":
        """Return what `to_json` has made values of; ValueError, with what was found, if it has not."""
        kind = said.get("kind") if isinstance(said, dict) else None
        if kind not in KINDS:
            raise ValueError(f"the kind {kind!r}"[: 2 * LONGEST_SHOWN])
        if kind == TEXT:
            buckets = said.get("buckets")
            if type(buckets) is not int or not 0 < buckets < MOST_CATEGORIES:
                raise ValueError("no number of buckets")
            return cls(kind, (*map(str, range(buckets)), *([MISSING] if said.get(MISSING) is True else [])))
        names, edges, form = said.get("categories"), said.get("edges", []), said.get("time_format")
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise ValueError("no list of categories")
        if len(set(names)) < len(names):
            raise ValueError("a category that comes twice")
        if kind in (NUMBER, DATE):
            are_numbers = isinstance(edges, list) and all(type(edge) in (int, float) for edge in edges)
            if not are_numbers or not all(map(math.isfinite, edges)) or edges != sorted(set(edges)):
                raise ValueError("edges that are no ascending numbers")
            if len(names) - (MISSING in names) != len(edges) + 1:
                raise ValueError(f"{len(names)} categories for {len(edges)} edges")
        # No other than may be found: to read one with names of time zones, files of such names are opened.
        if kind == DATE and form not in (ISO8601, *known_forms()):
            raise ValueError("no known form of dates")
        return cls(kind, tuple(names), tuple(map(float, edges)), form if kind == DATE else None)

    def _require_values(self, name: str, texts: Sequence[str]) -> None:
        filled = [cell for cell in texts if not is_no_value(cell, self.kind)]
        wrong = np.flatnonzero(np.isnan(self.numbers_in(filled))) if filled else np.zeros(0, np.int64)
        if wrong.size:
            kind = "numbers" if self.kind == NUMBER else f"dates of the form {self.time_format}"
            raise InputError(
                f"The column {name[:LONGEST_SHOWN]!r} must be {kind}, as its kind is {self.kind}. "
                f"Received: {filled[wrong[0]][:LONGEST_SHOWN]!r}"
            )

    def _codes(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the codes of each text, all of which are different, in ascending order."""
        missing = [] if self.missing is None else [self.missing]
        if self.kind == CATEGORIES:
            code_of = {category: code for code, category in enumerate(self.categories)}
            parts = [parts_of(text) for text in texts]
            return [
                sorted(code_of[part] for part in row if part in code_of) if row else missing for row in parts
            ]
        if self.kind == TEXT:
            words = [words_of(text) for text in texts]
            each = list(dict.fromkeys(chain.from_iterable(words)))
            bucket_of = dict(zip(each, word_buckets(each, self.num_buckets).tolist(), strict=True))
            return [sorted({bucket_of[word] for word in row}) if row else missing for row in words]
        values = self.numbers_in(texts)
        bins = bins_of(values, np.array(self.edges))
        return [
            missing if lacking else [code]
            for code, lacking in zip(bins.tolist(), np.isnan(values), strict=True)
        ]


def _date_text(value: float, unit: str) -> str:
    """Return Unix seconds as a date, `D`, or as one with its time, `s`."""
    return str(np.datetime64(int(value), "s").astype(f"M8[{unit}]")).replace("T", " ")
