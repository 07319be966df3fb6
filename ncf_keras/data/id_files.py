"""The files of ids beside a dataset: the raw id, the title and the state of each index.

`index,user_id` and `index,item_id,title`, under a header. Ids, titles and states are there or not; a column
`state` says which ids are kept though no interaction of theirs is: `inactive` or `forgotten` (`states.py`).
"""

import contextlib
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.csv_rows import csv_rows
from ncf_keras.data.reading import Cost
from ncf_keras.data.states import WORDS, contradicted

# What reading took of memory, measured: of a file of 2 million lines.
IDS_COST = Cost(row=70, byte=1)
TITLE, STATE = "title", "state"


class IdFile(NamedTuple):
    """What a file of ids has of each index, None for what it has not.

    Attributes:
        ids: raw ids.
        titles: empty where there is none.
        states: uint8, see `states.py`.
    """

    ids: Sequence[str] | None = None
    titles: Sequence[str] | None = None
    states: np.ndarray | None = None


def read_ids(file: Path, column: str, count: int | None = None) -> IdFile:
    """Read what `write_ids` wrote.

    Args:
        file: the file.
        column: `user_id` or `item_id`.
        count: indices of the dataset, as its interactions count them; with states the file may have more. None:
            they are not known.

    Raises:
        InputError: it breaks the format, or is for another number of indices; the line is named.
    """
    with contextlib.closing(csv_rows(file, IDS_COST)) as rows:
        _, header = next(rows)
        names = _columns(file, column, header)
        # Nobody asks for an item to be forgotten.
        words = WORDS if column == "user_id" else WORDS[:2]
        texts: dict[str, list[str]] = {name: [] for name in names}
        for index, (line, row) in enumerate(rows):
            where = f"{file}, line {line} must"
            if row[0] != str(index):
                raise InputError(f"{where} have the index {index}. Received: {row[0][:LONGEST_SHOWN]!r}")
            if count is not None and index >= count and STATE not in names:
                raise InputError(f"{where} not be there: the dataset has {count} indices. Received: {index}")
            if STATE in names and row[-1] not in words:
                raise InputError(
                    f"{where} have the state {' or '.join(words[1:])}, or none. "
                    f"Received: {row[-1][:LONGEST_SHOWN]!r}"
                )
            for name, field in zip(names, row[1:], strict=True):
                texts[name].append(field)
    found = len(texts[names[0]])
    if count is not None and found < count:
        raise InputError(
            f"{file} must have a line for each of the {count} indices of the dataset. Received: {found}"
        )
    states = [WORDS.index(word) for word in texts[STATE]] if STATE in texts else None
    return IdFile(
        texts.get(column), texts.get(TITLE), None if states is None else np.array(states, dtype=np.uint8)
    )


def any_ids(file: Path, column: str, count: int | None = None) -> IdFile:
    """Return what `read_ids` does, and nothing where there is no such file."""
    return IdFile() if kind_of(file) is None else read_ids(file, column, count)


def require_active(file: Path, states: np.ndarray | None, *indices: np.ndarray) -> None:
    """Raise InputError if a file of ids gives a state to one of the indices, which have interactions."""
    wrong = None if states is None else contradicted(states, *indices)
    if states is not None and wrong is not None:
        raise InputError(
            f"{file} must have a state for ids without interactions alone. "
            f"Received: {WORDS[states[wrong]]} for the index {wrong}, which has some"
        )


def write_ids(
    file: Path,
    column: str,
    ids: Sequence[str] | np.ndarray | None,
    titles: Sequence[str] | None = None,
    states: np.ndarray | None = None,
) -> None:
    """Write, of each index, any raw id as the column `user_id` or `item_id`, any title, and any state."""
    given = ((column, ids), (TITLE, titles))
    texts: dict[str, Any] = {name: values for name, values in given if values is not None}
    if states is not None:
        texts[STATE] = np.array(WORDS, object)[states]
    columns = {"index": range(len(next(iter(texts.values())))), **texts}
    # Quoting every text keeps ids that hold a lone carriage return in one piece.
    pd.DataFrame(columns).to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _columns(file: Path, column: str, header: list[str]) -> list[str]:
    """Return the columns behind `index`; InputError if they are no file of ids'."""
    names = header[1:]
    known = [name for name in (column, TITLE, STATE) if name in names]
    if header[:1] != ["index"] or names != known or known in ([], [STATE]):
        raise InputError(
            f"{file}, line 1 must be index,{column} or index,{column},title, state behind them or not. "
            f"Received: {','.join(header)[:80]!r}"
        )
    return names
