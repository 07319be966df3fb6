"""What `run/prepare.py` should make of a log, worked out slowly on Python lists, to compare with."""

import datetime
import math
from dataclasses import dataclass

MISSING = {"", "nan", "na", "n/a", "null", "none", "\\n"}


class Refused(Exception):
    """The log can't be prepared, and should be answered by a sentence."""


@dataclass
class Expected:
    """Raw ids in order, train and test pairs of raw ids, how many rows were dropped, and the others."""

    users: list
    items: list
    train: dict
    test: dict
    dropped: int
    rows: int
    rows_left: list


def number(text):
    """Return the number in `text`, None where it is missing."""
    if text.strip().lower() in MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(text)
    return int(text) if text.strip().lstrip("-").isdigit() else value


def moments(texts):
    """Return what sorts the timestamps: all numbers, or all dates, as the first one is."""
    present = [text for text in texts if text.strip().lower() not in MISSING]
    if present and "-" in present[0].strip()[1:]:
        try:
            known = {text: datetime.date.fromisoformat(text.strip()) for text in present}
        except ValueError:
            raise Refused(present) from None
        return [known.get(text) for text in texts]
    numbers = [number(text) for text in texts]
    # One fraction makes a column of floats, which round integers above 2 ** 53.
    fraction = any(isinstance(value, float) for value in numbers)
    return [float(value) if fraction and value is not None else value for value in numbers]


def slow_prepare(rows, options, has_rating, has_time):
    """Return the Expected of rows of four texts, or raise Refused."""
    if any("\0" in text for row in rows for text in row):
        raise Refused("NUL")
    ratings = [number(row[2]) if has_rating else 1 for row in rows]
    times = moments([row[3] for row in rows]) if has_time else [0] * len(rows)
    users, items, left = [], [], []
    for line, (row, rating, time) in enumerate(zip(rows, ratings, times, strict=True)):
        user, item = row[0].strip(), row[1].strip()
        if user and user not in users:
            users.append(user)
        if item and item not in items:
            items.append(item)
        if not user or not item or rating is None or time is None:
            continue
        if rating > 0 if options["min_rating"] is None else rating >= options["min_rating"]:
            left.append((user, item, rating, time, line))
    best = {}
    for row in left:
        pair, when = row[:2], row[3:]
        if pair not in best or (when < best[pair][3:] if options["keep"] == "first" else when > best[pair][3:]):
            best[pair] = row
    left = [row for row in left if best[row[:2]] is row]
    left = core(left, options["min_user"], options["min_item"])
    items = [item for item in items if any(row[1] == item for row in left)]
    train, test = {}, {}
    for user in users:
        mine = [row for row in left if row[0] == user]
        untouched = [item for item in items if all(row[1] != item for row in mine)]
        can_be_tested = len(mine) > 1 and len(untouched) >= options["negatives"]
        held_out = max(mine, key=lambda row: (row[3], row[4]))[1] if can_be_tested else None
        if held_out is not None:
            test[user] = held_out
        if mine:
            train[user] = {row[1]: row[2] for row in mine if row[1] != held_out}
    users = [user for user in users if user in train]
    if not test and options.get("must_test", True):
        raise Refused("nobody can be tested")
    return Expected(users, items, train, test, len(rows) - len(left), len(rows), left)


def core(rows, min_user, min_item):
    """Take out one interaction at a time for as long as its user or its item has too few."""
    while True:
        bad = next((row for row in rows if sum(r[0] == row[0] for r in rows) < min_user
                    or sum(r[1] == row[1] for r in rows) < min_item), None)  # fmt: skip
        if bad is None:
            return rows
        rows = [row for row in rows if row is not bad]
