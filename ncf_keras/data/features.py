"""What users or items are like, as binary features (the v_u and v_i of equation 3 of the paper): sets of codes.

A column such as genre, year or title is a `Feature`; `Features` are those of all users, or of all items.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.base.terminal import LONGEST_SHOWN, listed
from ncf_keras.data.feature_encoding import MISSING, MOST_CATEGORIES, Encoding
from ncf_keras.data.feature_kinds import CATEGORIES, TEXT, parts_of

if TYPE_CHECKING:
    import scipy.sparse

MOST_COLUMNS, LONGEST_NAME = 1000, 100
# What a cell takes while its codes are found, measured: of 300,000 rows of four kinds.
BYTES_OF_CELL = 200


@dataclass(frozen=True, eq=False)
class Feature:
    """A column: any number of categories a row.

    Attributes:
        name: of the column.
        encoding: its kind, and what the codes mean.
        offsets: int64, shape (rows + 1,). Row r has the categories `codes[offsets[r]:offsets[r + 1]]`.
        codes: int32, places in `categories`, ascending within a row, none twice.
        cells: the text of each row that the codes were made of; empty where it is not kept.
    """

    name: str
    encoding: Encoding
    offsets: np.ndarray
    codes: np.ndarray
    cells: Sequence[str] = ()

    def __post_init__(self):
        for array in (self.offsets, self.codes):
            array.setflags(write=False)

    @classmethod
    def of_texts(cls, name: str, rows: Sequence[str]) -> "Feature":
        """Make a feature of one cell a row, such as `Animation|Comedy`; an empty one has no category."""
        categories = sorted(set().union(*map(parts_of, dict.fromkeys(rows))))
        encoding = Encoding(CATEGORIES, tuple(categories))
        feature = cls(name, encoding, *encoding.encode(rows))
        # Of what is called `missing` itself, empty cells are told apart here.
        has_none = np.array([not parts_of(row) for row in rows], dtype=bool)
        return _without_codes(feature, np.repeat(has_none, np.diff(feature.offsets)))

    @classmethod
    def of_cells(cls, name: str, cells: Sequence[str], encoding: Encoding) -> "Feature":
        """Make a feature of one cell a row, encoded as before; the cells are kept."""
        return cls(name, encoding, *encoding.encode(cells), cells)

    @property
    def kind(self) -> str:
        """`categories`, `number`, `date` or `text`."""
        return self.encoding.kind

    @property
    def categories(self) -> tuple[str, ...]:
        """The name of each code."""
        return self.encoding.categories

    def with_rows(self, cells: Sequence[str]) -> "Feature":
        """Return the feature with more rows behind its own, encoded as before."""
        offsets, codes = self.encoding.encode(cells)
        return replace(
            self,
            offsets=np.concatenate([self.offsets, self.offsets[-1] + offsets[1:]]),
            codes=np.concatenate([self.codes, codes]),
            cells=[*self.cells, *cells] if self.cells else (),
        )

    def without_missing(self) -> "Feature":
        """Return the feature with no category where the value is missing; codes behind that one move up."""
        missing = self.encoding.missing
        if missing is None:
            return self
        feature = _without_codes(self, self.codes == missing)
        categories = tuple(name for name in self.categories if name != MISSING)
        codes = feature.codes - (feature.codes > missing).astype(np.int32)
        return replace(feature, encoding=replace(self.encoding, categories=categories), codes=codes)


class Features(Mapping[str, Feature]):
    """The columns of features of all users, or of all items, by name and in order.

    Args:
        columns: of one length, each with a name of its own.

    Raises:
        InputError: they are not, are more than 1,000, or have 2^24 categories or more together; or a name has
            more than 100 characters.
    """

    def __init__(self, columns: Iterable[Feature]):
        self._columns: dict[str, Feature] = {}
        for column in columns:
            if column.name in self._columns:
                raise InputError(
                    "Columns of features must have a name each of their own. "
                    f"Received: two of the name {column.name[:LONGEST_SHOWN]!r}"
                )
            if len(column.name) > LONGEST_NAME:
                raise InputError(
                    f"Columns of features must have names of at most {LONGEST_NAME} characters. "
                    f"Received: {column.name[:LONGEST_SHOWN]!r}, which has {len(column.name):,}"
                )
            self._columns[column.name] = column
        if not 0 < len(self._columns) <= MOST_COLUMNS:
            received = f"{len(self._columns):,}"
            raise InputError(f"Columns of features must be 1 to {MOST_COLUMNS:,}. Received: {received}")
        lengths = sorted({len(column.offsets) - 1 for column in self.values()})
        if len(lengths) > 1:
            raise InputError(
                f"Columns of features must be of one length. Received: {lengths[0]}, {lengths[-1]}"
            )
        self.num_rows: int = lengths[0]
        if self.num_features >= MOST_CATEGORIES:
            largest = max(self.values(), key=lambda column: len(column.categories)).name
            raise InputError(
                f"Columns of features must have fewer than {MOST_CATEGORIES:,} categories together "
                "(`feature_kinds` may make a text of a column). "
                f"Received: {self.num_features:,}, most of them in {largest[:LONGEST_SHOWN]!r}"
            )

    def __getitem__(self, name: str) -> Feature:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def num_features(self) -> int:
        """Number of categories of all columns, the width of `matrix`."""
        return sum(len(column.categories) for column in self.values())

    @property
    def num_empty(self) -> int:
        """Number of rows without a text in any column."""
        return sum(not any(row) for row in zip(*(column.cells for column in self.values()), strict=True))

    def described(self) -> np.ndarray:
        """Return which rows something is known of, a feature other than `missing`: bool, shape (rows,)."""
        known = np.zeros(self.num_rows, dtype=bool)
        for column in self.values():
            known |= np.diff(column.without_missing().offsets) > 0
        return known

    def cells(self) -> dict[str, Sequence[str]]:
        """Return the texts of each column, by its name."""
        return {name: column.cells for name, column in self.items()}

    def matrix(self) -> "scipy.sparse.csr_matrix":
        """Return which row has which feature, columns side by side: float32 ones, (rows, num_features)."""
        return self._side_by_side([(column.offsets, column.codes) for column in self.values()], self.num_rows)

    def encode(self, cells: Mapping[str, Sequence[str]]) -> "scipy.sparse.csr_matrix":
        """Return the same of rows that are not in the dataset.

        An unknown category gives no feature; an empty cell, or a column that is left out, gives the feature
        `missing` of the column, if it has one.

        Args:
            cells: a text for each row, by the name of the column.

        Raises:
            InputError: a name is no column's, or the columns are of several lengths.
        """
        unknown = [name for name in cells if name not in self._columns]
        if unknown:
            raise InputError(
                f"`cells` must be of the columns {listed(list(self))}. Received: {unknown[0][:LONGEST_SHOWN]!r}"
            )
        lengths = sorted({len(column) for column in cells.values()}) or [0]
        if len(lengths) > 1:
            raise InputError(f"`cells` must be of one length. Received: {lengths[0]} and {lengths[-1]}")
        empty = [""] * lengths[0]
        encoded = [column.encoding.encode(cells.get(column.name, empty)) for column in self.values()]
        return self._side_by_side(encoded, lengths[0])

    def with_rows(self, cells: Mapping[str, Sequence[str]], rows: int) -> "Features":
        """Return the features with more rows behind their own; `cells` are as of `encode`."""
        empty = [""] * rows
        return Features(column.with_rows(cells.get(name, empty)) for name, column in self.items())

    def groups(self) -> dict[str, Feature]:
        """Return the columns that divide rows into groups, those that are no text, without missing values."""
        return {name: column.without_missing() for name, column in self.items() if column.kind != TEXT}

    def in_words(self) -> str:
        """Return what the columns are, for people."""
        return "; ".join(f"{name}: {column.encoding.in_words()}" for name, column in self.items())

    def _side_by_side(
        self, columns: Sequence[tuple[np.ndarray, np.ndarray]], rows: int
    ) -> "scipy.sparse.csr_matrix":
        import scipy.sparse

        count = sum(len(codes) for _, codes in columns)
        require_memory(32 * count + 16 * rows, f"The features of {rows:,} rows")
        starts = np.cumsum([0, *(len(column.categories) for column in self.values())])
        # A row's features of one column stand behind those of the column before.
        row_of = np.concatenate([np.repeat(np.arange(rows), np.diff(offsets)) for offsets, _ in columns])
        codes = np.concatenate([codes + start for (_, codes), start in zip(columns, starts[:-1], strict=True)])
        order = np.argsort(row_of, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=rows))])
        shape = (rows, self.num_features)
        return scipy.sparse.csr_matrix((np.ones(count, np.float32), codes[order], offsets), shape)


def require_room_for_cells(rows: int, columns: int) -> None:
    """Raise InputError unless there is memory for the features of so many rows."""
    require_memory(BYTES_OF_CELL * rows * columns, f"{columns:,} column(s) of features of {rows:,} rows")


def _without_codes(feature: Feature, dropped: np.ndarray) -> Feature:
    kept = np.concatenate([[0], np.cumsum(~dropped)])
    return replace(feature, offsets=kept[feature.offsets], codes=feature.codes[~dropped])
