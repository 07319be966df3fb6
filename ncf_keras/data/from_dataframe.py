"""A DataFrame of interactions in, a Dataset out: what `run/prepare.py` does to a file, in memory."""

from collections.abc import Mapping

import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.tidy_log import tidy_log
from ncf_keras.data.titles import titles_of


def dataset_from_dataframe(
    df: pd.DataFrame,
    user: str = "user",
    item: str = "item",
    rating: str | None = None,
    timestamp: str | None = None,
    *,
    titles: Mapping[object, str] | None = None,
    name: str = "dataset",
    **options: object,
) -> Dataset:
    """Split a log of interactions leave-one-out, with ids of any kind; see `Dataset.from_dataframe`."""
    if not isinstance(df, pd.DataFrame):
        raise InputError(f"`df` must be a pandas DataFrame. Received: {type(df).__name__}")
    columns = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
    series = {role: _column(df, role, column) for role, column in columns.items()}
    if not len(df):
        raise InputError("`df` must hold at least one interaction. Received: an empty DataFrame")
    log = tidy_log(*series.values(), where=lambda row: f"`df`, row {row} (counted from 0)")
    if not len(log.frame):
        raise InputError(f"`df` must hold at least one complete interaction. Received: {dict(log.missing)}")
    try:
        chosen = PrepareOptions(**options)
    except TypeError as error:
        raise InputError(
            f"The options must be {', '.join(PrepareOptions.__dataclass_fields__)}. Received: {error}"
        ) from None
    prepared = prepare(log, chosen)
    texts = None
    if titles is not None:
        texts = titles_of(prepared.item_ids, {str(item_id): str(title) for item_id, title in titles.items()})
    return prepared.dataset(name, texts)


def _column(df: pd.DataFrame, role: str, column: str | None) -> pd.Series | None:
    if column is None and role in ("rating", "timestamp"):
        return None
    if column not in df.columns or not isinstance(df[column], pd.Series):
        names = ", ".join(map(str, df.columns[:12]))
        raise InputError(f"`{role}` must be one of the columns {names} of `df`. Received: {column!r}")
    return df[column]
