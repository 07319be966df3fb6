"""The files of ids beside a dataset: the raw id, the title, the state and the features of each index.

`index,user_id` and `index,item_id,title`, under a header. Ids, titles and states are there or not; a column
`state` says which ids are kept though no interaction of theirs is: `inactive` or `forgotten` (`states.py`).
Every column behind these is one of features (`features.py`), in texts.
"""

import contextlib
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.memory import require_memory
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.csv_rows import csv_rows
from ncf_keras.data.reading import Cost
from ncf_keras.data.states import WORDS, contradicted

# What reading took of memory, measured: of a file of 2 million lines.
IDS_COST = Cost(row=70, byte=1)
TITLE, STATE = "title", "state"
# What no column of features may be called.
RESERVED = frozenset(("index", "user_id", "item_id", TITLE, STATE))
# What a byte of a file with columns of features takes, in texts of Python.
BYTES_OF_FEATURE = 4


class IdFile(NamedTuple):
    """What a file of ids has of each index, None for what it has not.

    Attributes:
        ids: raw ids.
        titles: empty where there is none.
        states: uint8, see `states.py`.
        columns: those of features, by name: a text an index.
    """

    ids: Sequence[str] | None = None
    titles: Sequence[str] | None = None
    states: np.ndarray | None = None
    columns: Mapping[str, Sequence[str]] | None = None


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
        features = [name for name in names if name not in (column, TITLE, STATE)]
        if features:
            require_memory(BYTES_OF_FEATURE * Path(file).stat().st_size, str(file))
        state = header.index(STATE) if STATE in names else 0
        # Most texts of a column of features are alike: each is kept once.
        kept: dict[str, str] = {}
        # Nobody asks for an item to be forgotten.
        words = WORDS if column == "user_id" else WORDS[:2]
        texts: dict[str, list[str]] = {name: [] for name in names}
        for index, (line, row) in enumerate(rows):
            where = f"{file}, line {line} must"
            if row[0] != str(index):
                raise InputError(f"{where} have the index {index}. Received: {row[0][:LONGEST_SHOWN]!r}")
            if count is not None and index >= count and STATE not in names:
                raise InputError(f"{where} not be there: the dataset has {count} indices. Received: {index}")
            if state and row[state] not in words:
                raise InputError(
                    f"{where} have the state {' or '.join(words[1:])}, or none. "
                    f"Received: {row[state][:LONGEST_SHOWN]!r}"
                )
            for name, field in zip(names, row[1:], strict=True):
                texts[name].append(kept.setdefault(field, field) if features else field)
    found = len(texts[names[0]])
    if count is not None and found < count:
        raise InputError(
            f"{file} must have a line for each of the {count} indices of the dataset. Received: {found}"
        )
    states = [WORDS.index(word) for word in texts[STATE]] if STATE in texts else None
    return IdFile(
        texts.get(column),
        texts.get(TITLE),
        None if states is None else np.array(states, dtype=np.uint8),
        {name: texts[name] for name in features} or None,
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
    features: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write, of each index, any raw id as the column `user_id` or `item_id`, title, state and features."""
    given = ((column, ids), (TITLE, titles))
    texts: dict[str, Any] = {name: values for name, values in given if values is not None}
    if states is not None:
        texts[STATE] = np.array(WORDS, object)[states]
    texts |= features or {}
    columns = {"index": range(len(next(iter(texts.values())))), **texts}
    # Quoting every text keeps ids that hold a lone carriage return in one piece.
    pd.DataFrame(columns).to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _columns(file: Path, column: str, header: list[str]) -> list[str]:
    """Return the columns behind `index`; InputError if they are no file of ids'."""
    names = header[1:]
    known = [name for name in (column, TITLE, STATE) if name in names]
    features = [name for name in names if name not in known]
    is_whole = header[:1] == ["index"] and names == [*known, *features] and known not in ([], [STATE])
    if not is_whole or len(set(names)) < len(names) or not RESERVED.isdisjoint(features) or "" in features:
        raise InputError(
            f"{file}, line 1 must be index,{column} or index,{column},title, state behind them or not, and "
            f"then any columns of features. "
            f"Received: {','.join(header)[:80]!r}"
        )
    return names
