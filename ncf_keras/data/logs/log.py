"""A raw log of interactions, in one file or several, whose columns were found."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import listed
from ncf_keras.data.logs.files import LogFile
from ncf_keras.data.logs.json_log import json_layout, line_of_record, read_json
from ncf_keras.data.logs.kinds import kind_of_log
from ncf_keras.data.logs.layout import LogLayout
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.logs.parquet import parquet_chunks, parquet_layout, read_parquet
from ncf_keras.data.logs.text import line_of_row, read_text, text_layout
from ncf_keras.data.logs.text_chunks import text_chunks
from ncf_keras.data.reading import file_digest
from ncf_keras.data.tidy_log import TidyLog, tidy_log


class Log:
    """The files of a log, and where each keeps its columns.

    Args:
        files: all that belong to it; the columns of each are found by its own header where it has one.
        options: what the user says.

    Attributes:
        files: those that hold an interaction.
        layouts: the layout of each.

    Raises:
        InputError: a file can't be read, a column can't be found, the files differ in what they have, or
            none holds an interaction.
    """

    def __init__(self, files: Sequence[LogFile], options: LogOptions | None = None):
        self._options = options or LogOptions()
        self.files: list[LogFile] = []
        self.layouts: list[LogLayout] = []
        for file in files:
            layout = _layout_of(file, self._options, self.layouts[0] if self.layouts else None)
            if layout is not None:
                self._add(file, layout)
        if not self.files:
            raise InputError(
                f"{_together(files)} must hold at least one interaction. "
                "Received: an empty file, or a header alone"
            )

    @classmethod
    def of(cls, path: str | os.PathLike, options: LogOptions | None = None) -> "Log":
        """Return the log in one file."""
        return cls([LogFile(Path(path), str(path))], options)

    @property
    def options(self) -> LogOptions:
        """What the user says."""
        return self._options

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(Path(file).stat().st_size for file in self.files)

    @property
    def item_name(self) -> str | None:
        """The name of the item column of the first file, None where it has no header."""
        layout = self.layouts[0]
        return None if layout.names is None else layout.names[layout.positions["item"]]

    def read(
        self, on_read: Callable[[int], None] = lambda position: None, largest_rating: float | None = None
    ) -> TidyLog:
        """Return the complete rows, those of each file after those of the one before.

        Args:
            on_read: told how many bytes of the files have been read, for a progress bar.
            largest_rating: a rating further from 0 is refused.
        """
        options, read = self._options, 0
        parts = []
        for file, layout in zip(self.files, self.layouts, strict=True):

            def tell(position: int, before: int = read) -> None:
                on_read(before + position)

            parts.append(_read_file(file, layout, options, tell, largest_rating))
            read += Path(file).stat().st_size
        ends = list(accumulate(len(part["user"]) for part in parts))
        series = {role: _joined([part[role] for part in parts]) for role in parts[0]}
        log = tidy_log(
            series, lambda row: self._place(row, ends), largest_rating, options.missing, options.time_format
        )
        if not len(log.frame):
            raise self.without_rows(log.missing)
        return log

    def without_rows(self, missing: Mapping[str, int]) -> InputError:
        """Return what to say where no row is complete, given how many lack what."""
        lacking = ", ".join(f"{count:,} without {role}" for role, count in missing.items() if count)
        return InputError(
            f"{_together(self.files)} must hold at least one complete interaction. "
            f"Received: {lacking or 'none'}"
        )

    def chunks_of(
        self,
        part: int,
        as_texts: frozenset[str],
        bytes_of_chunk: int,
        on_read: Callable[[int], None] = lambda position: None,
    ) -> Iterator[dict[str, pd.Series]]:
        """Yield the columns of a file by role, some rows at a time; JSON, read whole alone, is refused.

        Args:
            part: the place of the file among all.
            as_texts: as of `text_chunks`.
            bytes_of_chunk: what a chunk may take of memory, about.
            on_read: told how many bytes of the file have been read.

        Raises:
            ReadAsTexts: as of `text_chunks`.
        """
        file, layout = self.files[part], self.layouts[part]
        if layout.kind == "Parquet":
            return parquet_chunks(file, layout, bytes_of_chunk)
        if layout.kind == "JSON":
            raise InputError(
                f"A log that is read in parts (`memory`) must be text or Parquet. Received: {file}, JSON"
            )
        return text_chunks(file, layout, self._options, on_read, as_texts, bytes_of_chunk)

    def in_words(self) -> str:
        """Return how the log is read, for people."""
        first = self.layouts[0].in_words()
        if len(self.files) == 1:
            return f"Read {self.files[0]} as {first}."
        others = sum(layout.in_words() != first for layout in self.layouts)
        differ = f" {others} of them have them elsewhere, by their own headers." if others else ""
        return f"Read {len(self.files)} files, {self.files[0]} first, as {first}.{differ}"

    def source(self, titles: str | os.PathLike | None = None) -> dict[str, Any]:
        """Return the names, SHA-256 and layout of the files, and name and SHA-256 of a title file, for JSON."""
        named = [{"name": Path(file.name).name, "sha256": file_digest(file, "sha256")} for file in self.files]
        source: dict[str, Any] = named[0] if len(named) == 1 else {"files": named}
        source |= self.layouts[0].describe()
        if titles is not None:
            source["titles"] = {"name": Path(titles).name, "sha256": file_digest(titles, "sha256")}
        return source

    def _add(self, file: LogFile, layout: LogLayout) -> None:
        """Keep a file; InputError if it has not the columns of the first."""
        if self.layouts and set(layout.positions) != set(self.layouts[0].positions):
            first = ", ".join(self.layouts[0].positions)
            raise InputError(
                f"{file} must have what {self.files[0]} has, {first}. Received: {', '.join(layout.positions)}, "
                f"read as {layout.in_words()}"
            )
        if "timestamp" not in layout.positions and not self._options.no_timestamps:
            has = (
                f"the columns {listed(layout.names)}"
                if layout.names
                else f"{layout.width} columns and no header"
            )
            raise InputError(
                f"`timestamp` must name the column of {file} that tells each user's latest interaction, or "
                "`no_timestamps` must ask for a random one to be held out. "
                f"Received: a file with {has}, read as {layout.how()}"
            )
        self.files.append(file)
        self.layouts.append(layout)

    def _place(self, row: int, ends: Sequence[int]) -> str:
        """Return the file and line of a row of the log, counted from 0."""
        part = int(np.searchsorted(ends, row, side="right"))
        return self.place_in(part, row - (ends[part - 1] if part else 0))

    def place_in(self, part: int, row: int) -> str:
        """Return the file and line of a row of a file, counted from 0."""
        file, layout = self.files[part], self.layouts[part]
        if layout.kind == "Parquet":
            return f"{file}, row {row + 1}"
        find = line_of_record if layout.kind == "JSON" else line_of_row
        return f"{file}, {find(file, layout, row)}"


def _together(files: Sequence[LogFile]) -> str:
    return str(files[0]) if len(files) == 1 else f"The {len(files):,} files, {files[0]} first,"


def _layout_of(file: LogFile, options: LogOptions, before: LogLayout | None) -> LogLayout | None:
    kind = kind_of_log(file, options) if options.format == "auto" else options.format
    if kind == "parquet":
        return parquet_layout(file, options)
    if kind == "json":
        return json_layout(file, options)
    # The keys of JSON, and the columns of Parquet, tell nothing of the order in which a text has its columns.
    return text_layout(file, options, before if before is not None and before.kind == "text" else None)


def _read_file(
    file: LogFile,
    layout: LogLayout,
    options: LogOptions,
    on_read: Callable[[int], None],
    largest_rating: float | None,
) -> dict[str, pd.Series]:
    if layout.kind == "Parquet":
        return read_parquet(file, layout)
    if layout.kind == "JSON":
        return read_json(file, layout, on_read)
    return read_text(file, layout, options, on_read, largest_rating)


def _joined(parts: list[pd.Series]) -> pd.Series:
    """Return the rows of all parts; texts that are categories in each stay so, and integers exact."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
        categories = [part.cat.categories for part in parts]
        if len({each.dtype for each in categories}) == 1:
            return pd.Series(pd.api.types.union_categoricals(parts))
        parts = [part.astype(object) for part in parts]
    dtypes = {part.dtype for part in parts}
    if len(dtypes) > 1 and not all(dtype.kind == "f" for dtype in dtypes):
        parts = [part.astype(object) for part in parts]
    return pd.concat(parts, ignore_index=True)
