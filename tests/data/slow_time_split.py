"""What a split in time should make of interactions, worked out slowly on Python lists, to compare with."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass
class Parts:
    """Lists of (user, item, time): what is learned from, tested and kept apart."""

    train: list
    warm: list
    cold: list


def time_of(rows, at):
    """Return the time of the interaction at a share of all, in the order of time, or the time itself."""
    if not 0 < at < 1:
        return at
    in_order = sorted(time for _, _, time in rows)
    place, share = 0, Decimal(str(at))
    while place + 1 <= share * len(rows):
        place += 1
    return in_order[place]


def divided(rows, time):
    """Divide interactions at a time: the later ones are warm where user and item have an earlier one."""
    parts = Parts([], [], [])
    for row in rows:
        if row[2] < time:
            parts.train.append(row)
    for row in rows:
        if row[2] >= time:
            knows_user = any(row[0] == other[0] for other in parts.train)
            knows_item = any(row[1] == other[1] for other in parts.train)
            (parts.warm if knows_user and knows_item else parts.cold).append(row)
    return parts


def drawable(rows, parts, user):
    """Return the items of train that a user has no interaction with, earlier or later."""
    touched = {item for other, item, _ in rows if other == user}
    return {item for _, item, _ in parts.train} - touched


def slow_time_split(rows, time, negatives):
    """Return the Parts of interactions; a warm pair is cold if its user has too few items to draw from."""
    parts = divided(rows, time)
    for row in list(parts.warm):
        if len(drawable(rows, parts, row[0])) < negatives:
            parts.warm.remove(row)
            parts.cold.append(row)
    return parts
