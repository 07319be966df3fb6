"""Items found by a part of their title or id, against a search that looks at each."""

import numpy as np
import pytest
from hypothesis import given, strategies

from ncf_keras.browsing.search import Search, folded

NAMES = [
    ("The Night Watch", "10"), ("Night and Day", "7"), ("Amélie", "a,b"), ("Midnight", "night"), ("", "70"),
    ("GRÖSSE  und\tGröße", "x y"), ("שלום עולם", "é"),
]  # fmt: skip
POPULAR_FIRST = np.array([6, 5, 4, 3, 2, 1, 0])


@pytest.mark.parametrize(("typed", "expected"), [
    ("night", [3, 1, 0]),  # the id itself, the beginning of a title, the beginning of a word
    ("NIGHT a", [1, 0]),  # the beginning of one, and all the words of the other
    ("day night", [1]),
    ("amelie", [2]),
    ("Amélie", [2]),
    ("groesse", []),
    ("grosse", [5]),
    ("7", [1, 4]),  # the id itself is closer than one that begins so
    ("a,b", [2]),
    ("x  Y", [5]),
    ("עולם", [6]),
    ("\n", [6, 5, 4, 3, 2, 1, 0]),
    ("e", [6, 5, 2, 0]),
    ("z", []),
])  # fmt: skip
def test_the_closest_come_first(typed, expected):
    assert Search(NAMES, POPULAR_FIRST).find(typed, 10) == expected
    assert Search(NAMES, POPULAR_FIRST).find(typed, 2) == expected[:2]


TEXTS = strategies.text("abé \n", max_size=6)


@given(strategies.lists(strategies.tuples(TEXTS, TEXTS), max_size=8), TEXTS)
def test_found_is_whatever_holds_all_words(names, typed):
    order = np.arange(len(names))[::-1]
    words = folded(typed).split()
    holding = {
        index for index, texts in enumerate(names)
        if all(any(word in folded(text) for text in texts) for word in words)
    }  # fmt: skip
    found = Search(names, order).find(typed, 100)
    assert sorted(found) == sorted(holding)
