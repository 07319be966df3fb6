"""A split that holds items out whole: by hand, against a slow reference, and what must hold of any log."""

import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset, split_validation
from ncf_keras.data.prepare import PrepareOptions, prepare
from tests.data.slow_prepare import slow_prepare
from tests.data.yesterday import go_on, log_of, named, write

ITEMS = "opqrstuv"
LOGS = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(ITEMS)), st.integers(0, 9), min_size=4
)
# Of user u0 to u5 with items i0 to i9, all but those of the same remainder by 4.
ROWS = [(f"u{u}", f"i{i}", 10 * i + u) for u in range(6) for i in range(10) if (u + i) % 4]
COUNTED = "users_without_test", "cold", "cold_users", "cold_items"


def split(rows, **options):
    return prepare(
        log_of(rows), PrepareOptions(**{"split": "cold_items", "at": 0.2, "negatives": 1, **options})
    )


def items_of(rows):
    return {row[1] for row in rows}


def test_items_are_held_out_whole_and_the_others_split_leave_one_out():
    found = split(ROWS)
    cold = items_of(named(found, "cold"))
    assert len(cold) == 2 and named(found, "cold") == [row for row in ROWS if row[1] in cold]
    others = [row for row in ROWS if row[1] not in cold]
    # The times of a user rise with the items.
    assert named(found, "test") == [[row for row in others if row[0] == f"u{u}"][-1] for u in range(6)]
    assert named(found, "train") == [row for row in others if row not in named(found, "test")]
    dataset = found.dataset("d")
    inactive = {dataset.item_ids[item] for item in np.flatnonzero(~dataset.active_items)}
    assert inactive == cold and dataset.user_states is None
    counts = found.report()["counts"]
    assert [counts[name] for name in COUNTED] == [0, len(named(found, "cold")), 0, 2]
    assert found.report()["split"] == (
        "cold items: all interactions of 2 items, the share 0.2 of all, drawn by the seed 2017; of the others "
        "leave-one-out: of each user with two or more interactions the latest, of equal timestamps the later "
        "row"
    )


def test_the_same_of_a_frame_and_of_files(tmp_path):
    frame = pd.DataFrame(ROWS, columns=["user", "item", "timestamp"])
    given = {"split": "cold_items", "at": "0.2", "negatives": 1}
    dataset = Dataset.from_dataframe(frame, timestamp="timestamp", **given)
    write(tmp_path, "d", split(ROWS))
    dataset.save(tmp_path, "saved")
    for name in ("d", "saved"):
        read = read_dataset(tmp_path, name)
        for part in ("train_items", "test_items", "test_negatives", "item_states", "cold_users", "cold_items"):
            assert np.array_equal(getattr(read, part), getattr(dataset, part)), part
    report = json.loads((tmp_path / "d.json").read_text())
    assert (report["options"]["split"], report["options"]["at"]) == ("cold_items", 0.2)


@given(LOGS, st.sampled_from([0.13, 0.29, 0.5, 0.8]), st.integers(1, 2), st.integers(0, 5))
def test_is_what_the_slow_references_say(log, at, negatives, seed):
    rows = [(*pair, time) for pair, time in log.items()]
    items = items_of(rows)
    # Exact for numbers of two decimals.
    count = len(items) * round(100 * at) // 100
    try:
        found = split(rows, at=at, negatives=negatives, seed=seed)
    except InputError as error:
        reasons = {"`at` must be a share of at least one of the": count == 0}
        if count:
            reasons |= {"`at` must leave a user": True, "`negatives` must": True}
        assert any(holds and words in str(error) for words, holds in reasons.items()), error
        return
    cold = items_of(named(found, "cold"))
    assert len(cold) == count
    others = [row for row in rows if row[1] not in cold]
    options = {"min_rating": None, "keep": "first", "negatives": negatives, "min_user": 1, "min_item": 1}
    texts = [(user, item, "1", str(time)) for user, item, time in others]
    expected = slow_prepare(texts, options, False, True)
    assert sorted(named(found, "cold")) == sorted(set(rows) - set(others))
    assert {row[:2] for row in named(found, "test")} == set(expected.test.items())
    assert {row[:2] for row in named(found, "train")} == {
        (user, item) for user, own in expected.train.items() for item in own
    }
    dataset = found.dataset("d")
    for ids, active, side in (
        (dataset.user_ids, dataset.active_users, 0), (dataset.item_ids, dataset.active_items, 1)
    ):  # fmt: skip
        assert {name for name, is_active in zip(ids, active, strict=True) if is_active} == {
            row[side] for row in others
        }
    for user, drawn in zip(dataset.test_users, dataset.test_negatives, strict=True):
        names = {dataset.item_ids[item] for item in drawn}
        own = {row[1] for row in rows if row[0] == dataset.user_ids[user]}
        assert len(names) == negatives and not names & (own | cold)
    counts = found.report()["counts"]
    known = {row[0] for row in others}
    assert counts["cold_users"] == len({row[0] for row in rows} - known)
    assert counts["users_without_test"] == len(known) - len(expected.test)
    alone = Counter(row[0] for row in others)
    no_negatives = sum(count > 1 for count in alone.values()) - len(expected.test)
    assert counts.get("users_without_negatives", 0) == no_negatives and "users_without_new" not in counts


def test_every_item_is_drawn_as_often():
    drawn = Counter()
    for seed in range(100):
        drawn.update(items_of(named(split(ROWS, at=0.3, seed=seed), "cold")))
    # 3 of 10 items each time: 30 of each in expectation, with a standard deviation of 4.6.
    assert sum(drawn.values()) == 300
    assert all(abs(drawn[f"i{item}"] - 30) < 4 * math.sqrt(100 * 0.3 * 0.7) for item in range(10))


def test_validation_pairs_are_of_the_others():
    dataset = split(ROWS).dataset("d")
    validation = split_validation(dataset)
    cold = set(dataset.cold_items.tolist())
    assert validation.num_test == 6 and validation.cold_items is None
    used = {*validation.train_items, *validation.test_items, *validation.test_negatives.ravel()}
    assert not used & cold and np.array_equal(validation.item_states, dataset.item_states)


def test_going_on_holds_the_same_items_out(tmp_path):
    write(tmp_path, "d", split(ROWS))
    more = [("u0", "i0", 200), ("new", "i5", 201), ("new", "i6", 202)]
    after = go_on(tmp_path, more)
    assert items_of(named(after, "cold")) == items_of(named(split(ROWS), "cold"))
    rows = named(after, "train") + named(after, "test") + named(after, "cold")
    assert {row[:2] for row in rows} == {row[:2] for row in [*ROWS, *more]}
    # Leave-one-out again, everything is active and learned from.
    write(tmp_path, "d", after)
    back = go_on(tmp_path, None, split="leave-one-out", at=None)
    assert not len(back.cold) and not back.item_states.any()


def test_without_timestamps_what_was_cold_is_as_good_as_new(tmp_path):
    """Nothing was learned of it and nothing tested, so that it is held out, one interaction of a user."""
    rows = [row[:2] for row in ROWS]
    first = prepare(log_of(rows, "user item"), PrepareOptions(split="cold_items", at=0.2, negatives=1))
    write(tmp_path, "d", first)
    cold, test = ([row[:2] for row in named(first, part)] for part in ("cold", "test"))
    after = go_on(tmp_path, None, split="leave-one-out", at=None)
    held_out = {row[0]: row[:2] for row in named(after, "test")}
    with_cold = {row[0] for row in cold}
    assert {user for user, row in held_out.items() if row in cold} == with_cold
    assert {user: row for user, row in held_out.items() if user not in with_cold} == {
        row[0]: row for row in test if row[0] not in with_cold
    }


@pytest.mark.parametrize(("options", "message"), [
    ({"at": None}, "`at` must say which share of the items is held out with `split` cold_items. Received: n"),
    ({"at": 1}, "`at` must be a share of the items, above 0 and below 1, such as 0.05, .* Received: 1$"),
    ({"at": 0}, "`at` must be a share of the items, .* Received: 0$"),
    ({"at": float("nan")}, "`at` must be a share of the items, .* Received: nan$"),
    ({"at": True}, "`at` must be a share of the items, .* Received: True$"),
    ({"at": "1998-03-01"}, "`at` must be a share of the items, .* Received: '1998-03-01'$"),
    ({"at": 0.09}, "`at` must be a share of at least one of the 10 items. Received: 0.09$"),
    ({"at": 0.95}, r"`at` must leave a user with two interactions, .* Received: 0.95, and 1 item\(s\) left$"),
    ({"validation_at": 0.5}, "`validation_at` must come with `split` time. Received: cold_items"),
    ({"negatives": 9}, "`negatives` must be at most "),
])  # fmt: skip
def test_what_can_not_be_split_is_a_sentence(options, message):
    with pytest.raises(InputError, match=message):
        split(ROWS, **options)
