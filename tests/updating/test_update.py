"""What an update trains on, and what tells one update from another."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.earlier import EarlierDataset
from ncf_keras.data.prepare import PrepareOptions
from ncf_keras.data.tidy_log import tidy_log
from ncf_keras.training.spec import TrainingSpec
from ncf_keras.updating.spec import UpdateSpec
from ncf_keras.updating.update import identity_of, recent_and_replayed

PAIRS = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1)


def earlier_of(train, test):
    pairs = np.array([*train, *test], np.int32).reshape(-1, 2)
    frame = pd.DataFrame({"user": pairs[:, 0], "item": pairs[:, 1], "rating": 1.0})
    ids, states = np.array([str(n) for n in range(6)], object), np.zeros(6, np.uint8)
    return EarlierDataset(
        name="d", user_ids=ids, item_ids=ids, user_states=states, item_states=states, titles=None,
        options=PrepareOptions(), sizes=[(6, 8)], frame=frame, num_train=len(train), waiting=None,
    )  # fmt: skip


@settings(deadline=None)
@given(PAIRS, PAIRS, PAIRS, st.floats(0, 3), st.integers(0, 9))
def test_all_that_is_new_is_trained_on_and_some_of_the_old(now, before, tests, replay, seed):
    dataset = Dataset.from_pairs(
        *np.array(sorted(now)).T, np.array([0]), np.array([0]), np.array([[1]]), num_users=6, num_items=8
    )
    earlier = earlier_of(sorted(before), sorted(tests - before))
    places = recent_and_replayed(dataset, earlier, replay, seed)
    assert list(places) == sorted(set(places))
    pairs = list(zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True))
    chosen = {pairs[place] for place in places}
    # What was held out before is new to the model.
    new, old = {pair for pair in pairs if pair not in before}, {pair for pair in pairs if pair in before}
    assert chosen >= new
    assert len(chosen & old) == min(len(old), round(replay * len(new)))


def log_of(rows):
    frame = pd.DataFrame(rows, columns=["user", "item", "timestamp"])
    return tidy_log({name: frame[name] for name in frame}, lambda row: f"row {row}")


def test_updates_are_told_apart_by_rows_settings_and_who_is_forgotten():
    rows, spec = [("a", "x", 1), ("b", "y", 2)], UpdateSpec()
    told = {
        "same": identity_of(log_of(rows), [], spec),
        "id": identity_of(log_of([("a", "x", 1), ("c", "y", 2)]), [], spec),
        "id cut elsewhere": identity_of(log_of([("a", "x", 1), ("by", "", 2)]), [], spec),
        "time": identity_of(log_of([("a", "x", 1), ("b", "y", 3)]), [], spec),
        "order": identity_of(log_of(rows[::-1]), [], spec),
        "no log": identity_of(None, [], spec),
        "forgets": identity_of(log_of(rows), ["a"], spec),
        "replay": identity_of(log_of(rows), [], dataclasses.replace(spec, replay=None)),
        "epochs": identity_of(log_of(rows), [], UpdateSpec(TrainingSpec(epochs=3))),
    }
    assert len(set(told.values())) == len(told)
    assert told["same"] == identity_of(log_of(rows), [], UpdateSpec())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"replay": -1}, "`replay` must be a number of at least 0. Received: -1"),
        ({"replay": float("nan")}, "`replay` must be a number of at least 0. Received: nan"),
        ({"tolerance": 2}, "`tolerance` must be a number from 0 to 1. Received: 2"),
        ({"keep": 0}, "`keep` must be a whole number of at least 1. Received: 0"),
        ({"top_k": 0}, "`top_k` must be a whole number of at least 1. Received: 0"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_named(settings, sentence):
    with pytest.raises(InputError) as caught:
        UpdateSpec(**settings)
    assert str(caught.value) == sentence
