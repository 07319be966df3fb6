"""An epoch of some positives alone, which avoids the others all the same."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.models import ModelSpec
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import Trainer, TrainingSpec
from ncf_keras.training.make_sampler import make_sampler
from tests.sampling.test_users_with_every_item import HISTORIES, dataset_of


def epoch_of(sampler, chunk_size=7):
    return [np.concatenate(column) for column in zip(*sampler.chunks(0, chunk_size), strict=True)]


@given(HISTORIES, st.data(), st.integers(0, 3))
def test_an_epoch_has_the_positives_and_their_negatives(histories, data, num_neg):
    dataset = dataset_of(histories)
    places = data.draw(st.lists(st.integers(0, dataset.num_train - 1), min_size=1, unique=True))
    pairs = list(zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True))
    has_all = {user for user, history in enumerate(histories) if len(history) == dataset.num_items}
    chosen = [pairs[place] for place in places]
    if num_neg and all(user in has_all for user, _ in chosen):
        with pytest.raises(InputError, match="`num_neg` must be 0"):
            NegativeSampler(dataset, num_neg, 1, positives=np.array(places))
        return
    sampler = NegativeSampler(dataset, num_neg, 1, positives=np.array(places))
    users, items, labels = epoch_of(sampler)
    positive = labels == 1
    assert sampler.num_examples == len(users)
    assert Counter(zip(users[positive].tolist(), items[positive].tolist(), strict=True)) == Counter(chosen)
    assert set(zip(users[~positive].tolist(), items[~positive].tolist(), strict=True)).isdisjoint(pairs)
    negatives = Counter(user for user, _ in chosen if user not in has_all)
    expected = {user: num_neg * count for user, count in negatives.items()} if num_neg else {}
    assert Counter(users[~positive].tolist()) == expected


def test_all_positives_are_the_same_as_none_named(sample):
    everything = (
        NegativeSampler(sample, 4, 1),
        NegativeSampler(sample, 4, 1, positives=np.arange(sample.num_train)),
    )
    for found, expected in zip(*(epoch_of(each, 10**6) for each in everything), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("positives", "received"), [
    ([], "float64 of shape"), ([0.5], "float64 of shape"), ([[0]], "int64 of shape"), ([0, 1, 0], "1 repeated"),
    ([-1], "-1"), ([10**6], "1000000"),
])  # fmt: skip
def test_what_are_no_places_is_refused(sample, positives, received):
    with pytest.raises(InputError) as caught:
        NegativeSampler(sample, 4, 1, positives=positives)
    assert str(caught.value).startswith("`positives` must be ") and received in str(caught.value)


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"sampler": "device"}, "`sampler` must be host or auto with `positives`"),
    ({"shards": 2}, "`shards` must be 1, in one process, with `positives`. Received: 2"),
    ({"select": "validation"}, "`select` must be test or none with `positives`"),
])  # fmt: skip
def test_what_does_not_draw_some_positives_is_refused(sample, settings, sentence):
    spec = TrainingSpec(**{"select": "test", **settings})
    model = ModelSpec("GMF", sample.num_users, sample.num_items).build(1)
    with pytest.raises(InputError, match=sentence):
        Trainer(model, sample, spec, positives=np.arange(3))


def test_the_host_draws_them_where_there_is_a_gpu(sample, monkeypatch):
    monkeypatch.setattr("tensorflow.config.get_visible_devices", lambda kind=None: ["a GPU"])
    assert type(make_sampler(sample, TrainingSpec(), False, np.arange(3))) is NegativeSampler
    with pytest.raises(InputError, match="several workers"):
        make_sampler(sample, TrainingSpec(), True, np.arange(3))


def test_a_trainer_trains_on_them_alone(sample):
    model = ModelSpec("GMF", sample.num_users, sample.num_items).build(1)
    before = model.get_layer("user_embedding").get_weights()[0].copy()
    spec = TrainingSpec(epochs=1, select="none", num_neg=1, seed=3)
    user = int(np.argmax(np.diff(sample.train_offsets)))
    places = np.arange(*sample.train_offsets[user : user + 2])
    trainer = Trainer(model, sample, spec, positives=places)
    assert trainer.num_examples == 2 * len(places)
    trainer.fit()
    moved = (model.get_layer("user_embedding").get_weights()[0] != before).any(1)
    assert np.flatnonzero(moved).tolist() == [user]
