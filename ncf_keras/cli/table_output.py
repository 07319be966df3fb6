"""A table on standard output, or in a file: aligned text, CSV or JSON."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import escaped, unescaped
from ncf_keras.cli.output_file import check_output_file, write_output_files

if TYPE_CHECKING:
    import pandas as pd

TABLE_FORMATS = ("table", "csv", "json")


def format_of_file(file: str) -> str:
    """Return `csv` or `json` by the suffix of a file; InputError if it has another or can't be written."""
    suffix = Path(file).suffix.lower()
    if suffix not in (".csv", ".json"):
        raise InputError(f"`--to` must end in .csv or .json. Received: {file}")
    check_output_file(file, "--to")
    return suffix[1:]


def write_table(frame: "pd.DataFrame", format: str, file: str | None = None) -> None:
    """Write a table to `file`, which then appears whole, or to standard output.

    Args:
        frame: one value a cell: texts, whole numbers and floats.
        format: `table`, aligned for reading; `csv`, with a header and with texts in quotes; `json`, a list of
            objects with the columns as names. CSV and JSON are UTF-8 and hold all digits of a float.
        file: where to; None is standard output.
    """
    if file is None:
        # CSV and JSON are data, so they stay as they are unless they meet a terminal.
        stream = sys.stdout if format == "table" or sys.stdout.isatty() else unescaped(sys.stdout)
        print(_text(frame, format), end="", file=stream, flush=True)
    else:
        write_output_files({"--to": (file, _text(frame, format))})


def _text(frame: "pd.DataFrame", format: str) -> str:
    if format == "csv":
        # Quoting every text keeps ids that hold a lone carriage return in one piece.
        return frame.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    if format == "json":
        columns = [map(_plain, frame[name].to_numpy()) for name in frame.columns]
        records = (dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True))
        return "[" + ",".join("\n" + _json(record) for record in records) + "\n]\n"
    return _aligned(frame)


def _json(record: dict) -> str:
    """Return an object as JSON with the escapes of JSON for what could steer a terminal."""
    text = json.dumps(record, ensure_ascii=False)
    if text.isprintable():
        return text
    # Two units for a character beyond 16 bits, as JSON has it.
    units = ((one, one.encode("utf-16-be", "surrogatepass").hex()) for one in text)
    return "".join(
        one if one.isprintable() else "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))
        for one, code in units
    )


def _plain(value: Any) -> object:
    """Return a text, an int or a float; of a float32 the shortest number that is read back as it."""
    kind = getattr(value, "dtype", None)
    if kind is None:
        return value
    return float(str(value)) if kind.kind == "f" else int(value)


def _aligned(frame: "pd.DataFrame") -> str:
    """Return columns of text, numbers to the right, floats of four decimals, control characters escaped."""
    numeric = [frame[name].dtype.kind in "if" for name in frame.columns]
    columns = [[name, *_shown(frame[name])] for name in frame.columns]
    widths = [max(map(len, column)) for column in columns]
    align = [str.rjust if right else str.ljust for right in numeric]
    rows = zip(*columns, strict=True)
    lines = (
        "  ".join(put(text, width) for put, text, width in zip(align, row, widths, strict=True)) for row in rows
    )
    return "".join(line.rstrip() + "\n" for line in lines)


def _shown(column: "pd.Series") -> list[str]:
    if column.dtype.kind == "f":
        decimals = 0 if (column % 1 == 0).all() else 4
        return [f"{value:.{decimals}f}" for value in column]
    return [escaped(str(value), keep="") for value in column]


def spreadsheet_safe(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table in which no text begins a formula: such a text gets an apostrophe before it."""
    texts = {str(name): column for name, column in frame.items() if column.dtype.kind not in "if"}
    return frame.assign(**{name: column.map(_without_formula) for name, column in texts.items()})


def _without_formula(text: object) -> object:
    # What OWASP lists: https://owasp.org/www-community/attacks/CSV_Injection
    return f"'{text}" if str(text).startswith(("=", "+", "-", "@", "\t", "\r")) else text
