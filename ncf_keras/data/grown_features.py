"""The features of a dataset: those of the one before, which keep their codes, and what tables say anew."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN, listed
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_kinds import CATEGORIES, TEXT, kind_of_cells
from ncf_keras.data.feature_tables import FeatureTable, placed, require_usable_names
from ncf_keras.data.features import Feature, Features, require_room_for_cells
from ncf_keras.data.id_files import TITLE

# `Toy Story (1995)`
YEAR_IN_BRACKETS = re.compile(r"\(([12][0-9]{3})\)$")
NEARLY_ALL = 0.9
TITLE_WORDS, YEAR = f"{TITLE}_words", "_year"


def features_of(
    columns: Mapping[str, Sequence[str]], encodings: Mapping[str, Encoding], kinds: Mapping[str, str]
) -> Features:
    """Encode columns of cells by name: by the encoding that is given, else by the kind given or found."""
    found = []
    for name, cells in columns.items():
        if name in encodings:
            encoding = encodings[name].grown(name, cells)
        else:
            encoding = Encoding.of(name, cells, kinds.get(name) or kind_of_cells(cells))
        found.append(Feature.of_cells(name, cells, encoding))
    return Features(found)


def grown_features(
    before: Features | None,
    ids: Sequence[str] | np.ndarray,
    tables: Sequence[FeatureTable] = (),
    forgotten: Sequence[int] | np.ndarray = (),
    kinds: Mapping[str, str] | None = None,
    usual: Mapping[str, str] | None = None,
) -> Features | None:
    """Return the features of users or items whose rows are those of before, and behind them new ones.

    An id keeps its cells unless a table has a row of it, and has empty ones where nobody says anything. A new
    column without any value is left out.

    Args:
        before: the features of the first ids; None where there were none.
        ids: raw id of each index.
        tables: what is said anew, each about columns of its own.
        forgotten: indices of users of whom nothing may be kept.
        kinds: of columns, by name, where they are not to be found.
        usual: the same, of new columns that `kinds` has not.

    Raises:
        InputError: two tables have one column, a column is called like another of the files, a cell is none of
            the kind of its column, or there is not enough memory.
    """
    kinds = kinds or {}
    known: dict[str, Feature] = dict(before or {})
    for name, feature in known.items():
        if kinds.get(name, feature.kind) != feature.kind:
            raise InputError(
                f"`feature_kinds` must leave {name} of the kind {feature.kind}, as it was before. "
                f"Received: {kinds[name]}"
            )
    _require_apart(tables)
    names = dict.fromkeys([*known, *(name for table in tables for name in table.cells)])
    count, index_of = len(ids), {raw: index for index, raw in enumerate(ids)}
    require_room_for_cells(count, len(names))
    cells: dict[str, list[str]] = {}
    for name in names:
        had = known[name].cells if name in known else ()
        cells[name] = [*had, *[""] * (count - len(had))]
    for table in tables:
        for name, said in table.cells.items():
            placed(table, said, index_of, cells[name])
    for column in cells.values():
        for index in forgotten:
            column[index] = ""
    kept = {name: column for name, column in cells.items() if name in known or any(column)}
    if not kept:
        return None
    features = features_of(
        kept, {name: feature.encoding for name, feature in known.items()}, {**(usual or {}), **kinds}
    )
    return _without_names_of(forgotten, known, features) if len(forgotten) else features


def require_columns(kinds: Mapping[str, str], *sides: Features | None) -> None:
    """Raise InputError unless kinds are of columns that users or items have."""
    names = [name for side in sides for name in side or ()]
    unknown = next((name for name in kinds if name not in names), None)
    if unknown is not None:
        raise InputError(
            f"`feature_kinds` must name columns of features: {listed(names) or 'there are none'}. "
            f"Received: {unknown[:LONGEST_SHOWN]!r}"
        )


def titles_apart(table: FeatureTable) -> tuple[FeatureTable, dict[str, str]]:
    """Return a table of items in which `title` is called `title_words`, and any titles by raw id.

    The dataset has a column of titles already, for people.
    """
    if TITLE not in table.cells:
        return table, {}
    cells = {(TITLE_WORDS if name == TITLE else name): column for name, column in table.cells.items()}
    if len(cells) < len(table.cells):
        raise InputError(
            f"{table.source} must not have both a column {TITLE} and one {TITLE_WORDS}, which is made of it. "
            "Received: both"
        )
    return table._replace(cells=cells), dict(zip(table.ids, table.cells[TITLE], strict=True))


def with_years(table: FeatureTable) -> tuple[FeatureTable, list[str]]:
    """Return a table with a column `name_year` behind each one of titles that end as `Toy Story (1995)`.

    And the names of those columns.
    """
    cells: dict[str, Sequence[str]] = {}
    found = []
    for name, column in table.cells.items():
        cells[name] = column
        years = [YEAR_IN_BRACKETS.search(cell) for cell in column]
        derived = (TITLE if name == TITLE_WORDS else name) + YEAR
        filled = sum(map(bool, column))
        if filled and sum(map(bool, years)) >= NEARLY_ALL * filled and derived not in table.cells:
            cells[derived] = [year[1] if year else "" for year in years]
            found.append(derived)
    return table._replace(cells=cells), found


def with_known_years(table: FeatureTable, known: Iterable[str]) -> FeatureTable:
    """Return a table with those columns that were derived as `with_years` does, where its own lack them."""
    cells = dict(table.cells)
    for name in known:
        source = TITLE_WORDS if name == TITLE + YEAR else name.removesuffix(YEAR)
        if name.endswith(YEAR) and name not in cells and source in cells:
            years = map(YEAR_IN_BRACKETS.search, cells[source])
            cells[name] = [year[1] if year else "" for year in years]
    return table._replace(cells=cells)


def _require_apart(tables: Sequence[FeatureTable]) -> None:
    source_of: dict[str, str] = {}
    for table in tables:
        require_usable_names(table.cells, table.source)
        for name in table.cells:
            if name in source_of:
                raise InputError(
                    f"{table.source} must have other columns than {source_of[name]}. "
                    f"Received: {name[:LONGEST_SHOWN]!r} in both"
                )
            source_of[name] = table.source


def _without_names_of(
    forgotten: Sequence[int] | np.ndarray, before: Mapping[str, Feature], features: Features
) -> Features:
    """Return features in which nothing is called by what only forgotten users had, and no bin begins there."""
    columns = []
    for name, feature in features.items():
        if name in before and feature.kind != TEXT:
            had, encoding = before[name], feature.encoding
            if feature.kind == CATEGORIES:
                rows = np.zeros(len(had.offsets) - 1, dtype=bool)
                rows[[index for index in forgotten if index < len(rows)]] = True
                theirs = had.codes[np.repeat(rows, np.diff(had.offsets))]
                gone = np.setdiff1d(theirs, [*feature.codes.tolist(), encoding.missing])
                encoding = encoding.without_names(gone.tolist())
            else:
                cells = [had.cells[index] for index in forgotten if index < len(had.cells)]
                if any(cells):
                    encoding = encoding.without_values(*map(encoding.numbers_in, (cells, feature.cells)))
            feature = Feature(name, encoding, feature.offsets, feature.codes, feature.cells)
        columns.append(feature)
    return Features(columns)
