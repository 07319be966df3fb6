"""Steered lists in plain Python: all items sorted, walked from the top."""

import math

import numpy as np

CATEGORIES = ("comedy", "drama", "horror", "western")


def walked(scores, k, gone=(), only=None, without=(), categories=None, limit=0):
    """Return the items of a list.

    Args:
        scores: of each item.
        k: length of the list.
        gone: items that are seen or not active.
        only: the items to choose from; None: all.
        without: the items to leave out.
        categories: those of each item.
        limit: how many of a category; 0: any number.
    """
    taken, counts = [], {}
    left = set(range(len(scores))) - set(gone)
    for item in sorted(left, key=lambda item: (-scores[item], item)):
        if item in without or (only is not None and item not in only):
            continue
        own = categories[item] if limit else ()
        if len(taken) < k and all(counts.get(category, 0) < limit for category in own):
            taken.append(item)
            for category in own:
                counts[category] = counts.get(category, 0) + 1
    return taken


def penalised(scores, counts, penalty):
    """Return score - penalty log(1 + n) / log(1 + max n) of each item, in float32."""
    most = max(counts)
    share = [math.log(1 + n) / math.log(1 + most) if most else 0 for n in counts]
    return np.asarray(scores, np.float32) - np.float32(penalty) * np.array(share, np.float32)


def random_categories(generator, items):
    """Return the categories of each item: of most one, of some none or several."""
    numbers = generator.choice([0, 1, 1, 1, 2, 3], items)
    return [sorted(generator.choice(CATEGORIES, number, replace=False).tolist()) for number in numbers]
