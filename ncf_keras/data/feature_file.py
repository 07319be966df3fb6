"""`NAME.features.json`: how the columns of features of a dataset are encoded, so that codes stay what they are.

{"users": [{"name": "age", "kind": "categories", "categories": ["1", "18", …]}, …],
 "items": [{"name": "year", "kind": "number", "edges": [1950, …], "categories": ["1919 to 1949", …]}, …]}
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of, open_input, unreadable
from ncf_keras.base.memory import require_memory
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.features import Feature, Features, require_room_for_cells
from ncf_keras.data.grown_features import features_of

SIDES = ("users", "items")
# Of the text of a JSON file, as values of Python.
BYTES_OF_LETTER = 10

Encodings = dict[str, dict[str, Encoding]]


def write_encodings(file: Path, users: Features | None, items: Features | None) -> None:
    """Write the encodings of the columns of users and items."""
    lines = []
    for side, features in zip(SIDES, (users, items), strict=True):
        columns = (
            json.dumps({"name": name, **column.encoding.to_json()}, ensure_ascii=False)
            for name, column in (features or {}).items()
        )
        lines.append(f'"{side}": [' + ",".join(f"\n  {column}" for column in columns) + "]")
    file.write_text("{" + ",\n ".join(lines) + "}\n", encoding="utf-8")


def read_encodings(file: Path) -> Encodings | None:
    """Return the encoding of each column by side and name; None where there is no such file.

    Raises:
        InputError: it is not as it was written.
    """
    if kind_of(file) is None:
        return None
    try:
        with open_input(file) as stream:
            require_memory(BYTES_OF_LETTER * os.fstat(stream.fileno()).st_size, str(file))
            said = json.loads(stream.read().decode("utf-8"))
    except OSError as error:
        raise unreadable(file, error) from None
    except (ValueError, RecursionError):
        raise _damaged(file, "no JSON") from None
    if not isinstance(said, dict) or said.keys() != set(SIDES):
        raise _damaged(file, "other than columns of users and items")
    return {side: _of_side(file, said[side]) for side in SIDES}


def read_columns(
    file: Path, columns: Mapping[str, Sequence[str]] | None, encodings: Encodings | None, described: Path
) -> Features | None:
    """Return the columns of features in a file of ids, encoded as `described` says; None if there are none.

    Without encodings they are found.

    Args:
        file: `NAME.users.csv` or `NAME.items.csv`.
        columns: the cells by name.
        encodings: those of users and items.
        described: where the encodings were read.

    Raises:
        InputError: the encodings are of other columns, or do not have what the cells hold.
    """
    columns = columns or {}
    names = list(columns)
    said = None if encodings is None else encodings["users" if file.name.endswith(".users.csv") else "items"]
    if said is not None and list(said) != names:
        raise _contradicted(described, f"the columns of {file}, {_named(names)}", _named(list(said)))
    if not columns:
        return None
    require_room_for_cells(len(next(iter(columns.values()))), len(columns))
    if said is None:
        return features_of(columns, {}, {})
    for name, encoding in said.items():
        try:
            grown = encoding.grown(name, columns[name])
        except InputError as error:
            rule = f"what the column {name[:LONGEST_SHOWN]!r} of {file} holds"
            raise _contradicted(described, rule, str(error).partition(" Received: ")[2]) from None
        if grown != encoding:
            rule = f"the categories of the column {name[:LONGEST_SHOWN]!r} of {file}"
            lacking = grown.categories[len(encoding.categories)][:LONGEST_SHOWN]
            raise _contradicted(described, rule, f"no category {lacking!r}")
    return Features(Feature.of_cells(name, columns[name], encoding) for name, encoding in said.items())


def _of_side(file: Path, said: Any) -> dict[str, Encoding]:
    if not isinstance(said, list):
        raise _damaged(file, "no list of columns")
    found: dict[str, Encoding] = {}
    for column in said:
        name = column.get("name") if isinstance(column, dict) else None
        if not isinstance(name, str) or name in found:
            raise _damaged(file, "a column without a name of its own")
        try:
            found[name] = Encoding.from_json(column)
        except ValueError as error:
            raise _damaged(file, f"{error} in the column {name[:LONGEST_SHOWN]!r}") from None
    return found


def _named(names: Sequence[str]) -> str:
    return ", ".join(names)[: 3 * LONGEST_SHOWN] or "none"


def _damaged(file: Path, received: str) -> InputError:
    return InputError(
        f"{file} must say how columns of features are encoded, as it was written; remove it, and that is found "
        f"anew. Received: {received}"
    )


def _contradicted(file: Path, rule: str, received: str) -> InputError:
    return InputError(f"{file} must describe {rule}; remove it, and that is found anew. Received: {received}")
