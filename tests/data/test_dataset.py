import dataclasses

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=40)
ARRAYS = ("train_offsets", "train_items", "test_users", "test_items", "test_negatives")


def small(**changes):
    arguments = {
        "train_users": [1, 0, 1], "train_items": [2, 0, 0], "test_users": [0, 1], "test_items": [1, 1],
        "test_negatives": [[2, 3], [3, 4]],
    }  # fmt: skip
    return Dataset.from_pairs(**(arguments | changes))


def train_pairs(dataset):
    items = np.split(dataset.train_items, dataset.train_offsets[1:-1])
    return [(user, int(item)) for user, mine in enumerate(items) for item in mine]


def pairs(users, items):
    return list(zip(users.tolist(), items.tolist(), strict=True))


@given(PAIRS, PAIRS, st.integers(1, 4), st.data())
def test_holds_each_train_pair_once_and_the_test_as_given(train, test, width, data):
    rows = st.lists(st.integers(0, 9), min_size=width, max_size=width)
    negatives = data.draw(st.lists(rows, min_size=len(test), max_size=len(test)))
    dataset = Dataset.from_pairs(*np.array(train).T, *np.array(test).T, np.array(negatives))
    assert train_pairs(dataset) == pairs(dataset.train_users, dataset.train_items) == sorted(set(train))
    assert pairs(dataset.test_users, dataset.test_items) == test
    assert dataset.test_negatives.tolist() == negatives
    assert (dataset.num_train, dataset.num_test) == (len(set(train)), len(test))
    assert dataset.num_users == 1 + max(user for user, _ in train + test)
    assert dataset.num_items == 1 + max(*(item for _, item in train + test), *map(max, negatives))


def test_types_and_given_sizes():
    dataset = small(num_users=5, num_items=9)
    assert (dataset.num_users, dataset.num_items) == (5, 9)
    assert dataset.train_offsets.tolist() == [0, 1, 3, 3, 3, 3] and dataset.train_offsets.dtype == np.int64
    for name in (*ARRAYS[1:], "train_users"):
        assert getattr(dataset, name).dtype == np.int32
    with pytest.raises(InputError, match=r"`train_offsets` must have num_users \+ 1 = 6 entries. Received: 9"):
        dataclasses.replace(dataset, train_offsets=np.zeros(9, int))
    # Pairs stay apart where their number is beyond int32.
    users, items = np.array([3, 1, 3]), np.array([2**31 - 2, 2**31 - 3, 0])
    assert train_pairs(small(train_users=users, train_items=items, num_users=4)) == [
        (1, 2**31 - 3),
        (3, 0),
        (3, 2**31 - 2),
    ]


def test_cannot_be_changed():
    given_users = np.array([1, 0, 1], np.int32)
    dataset = small(train_users=given_users)
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.num_users = 9
    for name in ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, name)[0] = 0
    given_users[0] = 0  # what the caller keeps stays theirs


def test_repr_ids_and_titles_tell_what_it_holds():
    ids = {"user_ids": ["u", "v"], "item_ids": list("abcde"), "item_titles": list("ABCDE")}
    dataset = small(**ids)
    assert {name: list(getattr(dataset, name)) for name in ids} == ids
    assert small().user_ids is small().item_ids is small().item_titles is None
    dataset = small(user_ids=np.array([7.0, 2.5]), item_ids=[1, True, "1 ", b"x", ""])
    assert (dataset.user_ids, dataset.item_ids) == (["7", "2.5"], ["1", "True", "1", "x", ""])
    assert repr(small(name="mine", num_users=1000, num_items=2000)) == (
        "<Dataset mine: 1,000 users x 2,000 items, 3 train interactions (0.00% of pairs), "
        "2 test pairs against 2 negatives each>"
    )


def test_states_tell_who_is_kept_for_an_index_alone():
    items = np.array([0, 0, 0, 1, 0, 1])
    dataset = small(num_users=4, num_items=6, user_states=[0, 0, 2, 1], item_states=items)
    assert dataset.active_users.tolist() == [True, True, False, False]
    assert dataset.active_items.tolist() == [True, True, True, False, True, False]
    assert dataset.user_states.tolist() == [0, 0, 2, 1] and dataset.user_states.dtype == np.uint8
    for name in ("user_states", "item_states", "active_users", "active_items"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, name)[0] = 1
    assert repr(dataset).startswith("<Dataset dataset: 4 users (2 not active) x 6 items (2 not active), 3 ")
    # Nobody's state is the same as no states.
    everybody = small(user_states=[0, 0], item_states=[0] * 5)
    assert everybody.user_states is everybody.item_states is None
    assert everybody.active_users.all() and everybody.active_items.all() and "active" not in repr(everybody)


def test_a_split_in_time_has_cold_pairs_and_train_interactions_for_validation():
    dataset = small(
        train_users=np.array([1, 0, 1, 1]), train_items=np.array([2, 0, 0, 2]),
        cold_users=[2, 0, 2], cold_items=[0, 6, 6.0],
        train_is_validation=np.array([False, False, True, True]),
    )  # fmt: skip
    assert (dataset.num_users, dataset.num_items) == (3, 7)
    assert dataset.cold_users.tolist() == [2, 0, 2] and dataset.cold_items.tolist() == [0, 6, 6]
    assert train_pairs(dataset) == [(0, 0), (1, 0), (1, 2)]
    # A pair that comes twice is marked where it is marked once.
    assert dataset.train_is_validation.tolist() == [False, True, True]
    for name, dtype in (("cold_users", np.int32), ("cold_items", np.int32), ("train_is_validation", bool)):
        assert getattr(dataset, name).dtype == dtype and not getattr(dataset, name).flags.writeable
    assert repr(dataset).endswith("2 negatives each, 2 of train for validation, 3 cold pairs>")
    timed = small(train_timestamps=[5, 1, 9], train_is_validation=np.array([False, False, True]))
    assert timed.train_is_latest.tolist() == [True, True, False]
    assert timed.train_is_validation.tolist() == [False, True, False]
    with pytest.raises(InputError, match=r"`train_is_validation` must be truth values, .* Received: int64 of"):
        dataclasses.replace(timed, train_is_validation=np.zeros(3, int))
    # None is as good as none.
    nothing = small(cold_users=[], cold_items=[], train_is_validation=np.zeros(3, bool))
    assert nothing.cold_users is nothing.cold_items is nothing.train_is_validation is None
    assert repr(nothing) == repr(small())


@pytest.mark.parametrize(("changes", "message"), [
    ({"train_items": [2, -5, 0]}, "`train_items` must be between 0 and 4. Received: -5"),
    ({"train_users": [1, 0, 7], "num_users": 2}, "`train_users` must be between 0 and 1. Received: 7"),
    ({"test_users": [0, 2], "num_users": 2}, "`test_users` must be between 0 and 1. Received: 2"),
    ({"test_items": [0, -1]}, "`test_items` must be between 0 and 4. Received: -1"),
    ({"test_negatives": [[2, 3], [3, -4]]}, "`test_negatives` must be between 0 and 3. Received: -4"),
    ({"test_negatives": [[2, 3]]}, "of one length. Received: 2, 2 and 1"),
    ({"test_negatives": [2, 3]}, r"`test_negatives` must have shape \(tests, negatives\). Received"),
    ({"train_users": [1, 0]}, "`train_users` and `train_items` must be of one length. Received: 2 and 3"),
    ({"train_users": [], "train_items": []}, "must hold at least one positive. Received: none"),
    ({"num_users": 0}, "_users` must be between"),
    ({"test_items": [0, 2**32 + 1]}, "`num_items` must be between"),
    ({"test_items": [0, 2**32 + 1], "num_items": 9}, "`test_items` must be between 0 and 8. Received: 42949"),
    *(({"train_items": [0, 1, value]}, f"`train_items` must be whole numbers. Received: {value}")
      for value in (1.5, float("nan"), float("inf"))),
    ({"train_users": [0, 1e300, 1]}, "`num_users` must be between"),
    ({"test_users": ["a", "b"]}, "`test_users` must be whole numbers. Received: an array of"),
    ({"num_items": 2**31}, f"`num_items` must be between 1 and {2**31 - 1}. Received: {2**31}"),
    ({"user_ids": ["only one"]}, "`user_ids` must have 2 entries. Received: 1"),
    ({"item_ids": [1, 2, None, 4, 5]}, "`item_ids` must hold the id of each index. Received: None"),
    ({"user_ids": ["a", ["b"]]}, "`user_ids` must hold single values as ids"),
    ({"item_titles": ["a"] * 9}, "`item_titles` must have 5 entries. Received: 9"),
    ({"user_states": [0]}, r"`user_states` must be 2 whole numbers. Received: int64 of shape \(1,\)"),
    ({"user_states": [0.0, 1.0]}, "`user_states` must be 2 whole numbers. Received: float64"),
    ({"user_states": [0, 3]}, r"must be 0 \(active\) or 1 .* or 2 \(forgotten\). Received: 0 to 3"),
    ({"user_states": [-1, 0]}, "`user_states` must be 0 .* Received: -1 to 0"),
    ({"item_states": [0, 0, 0, 0, 2]}, r"`item_states` must be 0 .* or 1 \(inactive\). Received: 0 to 2"),
    ({"user_states": [0, 2]}, r"`user_states` must be 0 \(active\) where .* 2 for index 1, which has"),
    ({"item_states": [0, 0, 1, 1, 1]}, "`item_states` must be 0 .* Received: 1 for index 2, which has some"),
    ({"item_states": [0, 1, 0, 0, 0]}, "`item_states` must be 0 .* Received: 1 for index 1, which has some"),
    ({"train_users": [0, 0], "train_items": [0, 1], "user_states": [0, 1]}, "Received: 1 for index 1, which"),
    ({"cold_users": [0, 1], "cold_items": [0]}, "must be of one length. Received: 2 and 1"),
    ({"cold_users": [0]}, "`cold_users` and `cold_items` must be of one length. Received: 1 and 0"),
    ({"cold_users": [0], "cold_items": [5], "num_items": 5}, "`cold_items` must be between 0 and 4. .*: 5"),
    ({"cold_users": [-1], "cold_items": [0]}, "`cold_users` must be between 0 and 1. Received: -1"),
    ({"cold_users": [0.5], "cold_items": [0]}, "`cold_users` must be whole numbers. Received: 0.5"),
    ({"cold_users": [2], "cold_items": [0], "user_states": [0, 0, 2]}, "must have nobody who .* 2"),
    ({"train_is_validation": [True] * 2}, "`train_is_validation` must have one entry for each .* 2 for 3"),
    ({"train_is_validation": [True] * 3}, "`train_is_validation` must leave a train .*: all are marked"),
])  # fmt: skip
def test_what_breaks_a_rule_is_named(changes, message):
    arrays = {name: np.array(value) for name, value in changes.items() if name.startswith(("train", "test"))}
    with pytest.raises(InputError, match=message):
        small(**(changes | arrays))
