"""Raw logs of interactions: MovieLens files, CSV, TSV, any delimiter, Parquet, with or without gzip."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.log_layout import LogColumns, LogLayout, find_columns
from ncf_keras.data.parquet_file import reading_parquet
from ncf_keras.data.text_file import unreadable
from ncf_keras.data.text_log import read_text_log, text_layout
from ncf_keras.data.tidy_log import TidyLog, tidy_log

PARQUET_MAGIC = b"PAR1"
PACKED_MAGICS = {b"PK\x03\x04": "a zip archive", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd"}


def read_log(
    file: str | os.PathLike,
    columns: LogColumns | None = None,
    timestamps: bool = True,
    on_read: Callable[[int], None] = lambda position: None,
) -> tuple[TidyLog, LogLayout]:
    """Read a raw log of interactions.

    What the file is is told by its first bytes: Parquet, gzip or else text. Ids stay the strings they are.

    Args:
        file: the log.
        columns: what is known about its columns; the rest is found out.
        timestamps: whether the log must have timestamps. If not, none are read.
        on_read: told how many bytes of the file have been read, for a progress bar.

    Returns:
        The complete rows of the log, and where its columns were found.

    Raises:
        InputError: the file is missing, empty or can't be understood; it names the line, where there is one.
    """
    file, columns = Path(file), columns or LogColumns()
    magic = _first_bytes(file)
    for packed, called in PACKED_MAGICS.items():
        if magic.startswith(packed):
            raise InputError(f"{file} must be text, gzip or Parquet. Received: {called}; unpack it first")
    parquet = magic.startswith(PARQUET_MAGIC)
    layout = _parquet_layout(file, columns) if parquet else text_layout(file, columns)
    if timestamps and "timestamp" not in layout.positions:
        raise InputError(_no_timestamp(file, layout))
    if not timestamps:
        positions = {role: at for role, at in layout.positions.items() if role != "timestamp"}
        layout = LogLayout(layout.delimiter, layout.header_lines, layout.names, layout.width, positions)
    log = _read_parquet(file, layout) if parquet else read_text_log(file, layout, on_read)
    if not len(log.frame):
        lacking = ", ".join(f"{count:,} without {role}" for role, count in log.missing.items() if count)
        raise InputError(f"{file} must hold at least one complete interaction. Received: {lacking or 'none'}")
    return log, layout


def sha256_of(file: str | os.PathLike) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(file).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def describe_source(
    file: str | os.PathLike, layout: LogLayout, titles: str | os.PathLike | None = None
) -> dict[str, object]:
    """Return the name, SHA-256 and layout of a log, and the name and SHA-256 of its title file, for JSON."""
    source: dict[str, object] = {"name": Path(file).name, "sha256": sha256_of(file), **layout.describe()}
    if titles is not None:
        source["titles"] = {"name": Path(titles).name, "sha256": sha256_of(titles)}
    return source


def _first_bytes(file: Path) -> bytes:
    if not file.is_file():
        raise InputError(f"The log must be a file. Received: {file}, which is not there or no file")
    try:
        with file.open("rb") as stream:
            return stream.read(8)
    except OSError as error:
        raise unreadable(file, error) from None


def _no_timestamp(file: Path, layout: LogLayout) -> str:
    what = f"the columns {', '.join(layout.names)}" if layout.names else f"{layout.width} columns and no header"
    return (
        f"`--timestamp` must name the column of {file} that tells each user's latest interaction, or "
        f"`--no_timestamps` must ask for a random one to be held out. Received: a file with {what}"
    )


def _parquet_layout(file: Path, columns: LogColumns) -> LogLayout:
    if columns.delimiter is not None or columns.header is not None:
        raise InputError(f"`--delimiter` and `--header` must be left out for Parquet. Received: {file}")
    with reading_parquet(file) as parquet:
        names = tuple(parquet.read_schema(file).names)
    return LogLayout(None, 0, names, len(names), find_columns(str(file), names, len(names), columns))


def _read_parquet(file: Path, layout: LogLayout) -> TidyLog:
    wanted = {role: layout.names[position] for role, position in layout.positions.items()}
    with reading_parquet(file) as parquet:
        table = parquet.read_table(file, columns=list(wanted.values()))
        # Texts as categories take a few bytes a row; integers with gaps as floats would be rounded.
        frame = table.to_pandas(strings_to_categorical=True, integer_object_nulls=True, ignore_metadata=True)
    series: dict[str, pd.Series | None] = {
        role: frame[wanted[role]] if role in wanted else None
        for role in ("user", "item", "rating", "timestamp")
    }
    return tidy_log(*series.values(), where=lambda row: f"{file}, row {row + 1}")
