"""The dataset of a day that others go on from, and what is said of them, by raw id."""

import pandas as pd

from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.earlier import read_earlier
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.tidy_log import tidy_log

YESTERDAY = [("ann", "x", 1), ("bob", "y", 2), ("ann", "y", 3), ("bob", "z", 4), ("cy", "w", 5)]


def log_of(rows, columns="user item timestamp"):
    frame = pd.DataFrame(rows, columns=columns.split())
    return tidy_log(dict(frame.items()), str)


def write(folder, name, prepared, titles=None):
    write_prepared(folder / name, prepared, {}, titles)


def go_on(folder, rows, columns="user item timestamp", append=True, forget=(), name="d", **options):
    earlier = read_earlier(folder, name)
    log = None if rows is None else log_of(rows, columns)
    options = PrepareOptions(**{**vars(earlier.options), **options})
    return prepare(log, options, earlier, append, forget)


def named(prepared, part):
    frame = getattr(prepared, part)
    rest = [frame[name].tolist() for name in frame.columns[2:]]
    users, items = prepared.user_ids[frame["user"]], prepared.item_ids[frame["item"]]
    return list(zip(users, items, *rest, strict=True))
