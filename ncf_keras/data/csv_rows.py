"""The CSV files beside a dataset: in UTF-8, under a header, every row as long as it."""

import csv
from collections.abc import Generator
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import unreadable
from ncf_keras.data.reading import Cost, open_text


def csv_rows(file: Path, cost: Cost) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the header, empty if there is none, and then each row that is not empty, each with its line number.

    Raises:
        InputError: the file can't be read, is no CSV file in UTF-8, or a row has other columns than the header;
            or what is read would take more memory than there is, at the `cost` of a row.
    """
    try:
        with open_text(file, cost=cost, may_be_packed=False) as text:
            reader = csv.reader(text)
            header = next(reader, [])
            yield 1, header
            for row in filter(None, reader):
                if len(row) != len(header):
                    raise InputError(
                        f"{file}, line {reader.line_num} must have {len(header)} columns. Received: {len(row)}"
                    )
                yield reader.line_num, row
    except (csv.Error, UnicodeError) as error:
        raise InputError(f"{file} must be a CSV file in UTF-8. Received: {error}") from None
    except OSError as error:
        raise unreadable(file, error) from None
