"""Whose row goes where in a warm start: by raw id, folded in, as drawn, or zeros."""

import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.states import FORGOTTEN
from ncf_keras.models import ModelSpec
from ncf_keras.solvers.fold_in import ItemFolder, UserFolder
from ncf_keras.training import Trainer, TrainingSpec
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.folding import histories_of
from ncf_keras.training.warm_start import matching_rows, warm_start
from ncf_keras.weights.loading import layers_of
from tests.training.one_worker import spread_weights

KINDS = ("GMF", "MLP", "NeuMF")
SIZES = {"num_factors": 4, "layers": (8, 4)}
IDS = st.lists(st.text("abc", max_size=2), max_size=8)


@given(IDS, IDS)
def test_rows_are_matched_by_id(now, earlier):
    now, earlier = list(dict.fromkeys(now)), list(dict.fromkeys(earlier))
    here, there = matching_rows(now, len(now), earlier, len(earlier))
    expected = [
        (place, other)
        for place, id_ in enumerate(now)
        for other, earlier_id in enumerate(earlier)
        if id_ == earlier_id and id_ != ""
    ]
    assert list(zip(here.tolist(), there.tolist(), strict=True)) == expected


@given(st.integers(1, 9), st.integers(1, 9))
def test_where_there_are_no_ids_the_index_is_the_id(size, earlier_size):
    same = list(range(min(size, earlier_size)))
    texts = [str(index) for index in range(earlier_size)]
    for given_ids in (None, texts):
        here, there = matching_rows(None, size, given_ids, earlier_size)
        assert here.tolist() == there.tolist() == same


def built(kind, users, items, seed=1):
    model = ModelSpec(kind, users, items, **SIZES).build(seed)
    spread_weights(model)
    return model


def dataset_of(pairs, users, items, **more):
    nothing = np.zeros(0, int)
    columns = np.array(pairs).T
    sizes = {"num_users": users, "num_items": items}
    return Dataset.from_pairs(*columns, nothing, nothing, nothing.reshape(0, 1), **sizes, **more)


def predictions(model, users, items):
    grid = np.array([(user, item) for user in users for item in items])
    return model([grid[:, :1], grid[:, 1:]]).numpy().ravel()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_slots_follow_their_raw_ids(kind, generator):
    """6 users and 5 items of before, 5 and 4 of them still there in another order, among new ones."""
    users, items = ["a", "b", "c", "d", "e", "f"], ["u", "v", "w", "x", "y"]
    now = ["new", "f", "a", "c", "b", "newer", "d"], ["x", "new", "u", "y", "newer", "v"]
    earlier, model = built(kind, 6, 5), ModelSpec(kind, 7, 6, **SIZES).build(2)
    drawn = layers_of(model)
    # The only interaction is of a new user with a new item, which tells nothing.
    dataset = dataset_of([(0, 1)], 7, 6, user_ids=now[0], item_ids=now[1])
    slots = {
        each.path: tuple(generator.random(tuple(each.shape)).astype(np.float32) for _ in range(2))
        for each in earlier.trainable_variables
    }
    started = warm_start(
        model, dataset, layers_of(earlier), users, items, learner=LearnerState("adam", 9, slots)
    )
    kept = [[now[0].index(id_) for id_ in users[:4]], [now[1].index(id_) for id_ in ("u", "v", "x", "y")]]
    np.testing.assert_array_equal(predictions(model, *kept), predictions(earlier, range(4), (0, 1, 3, 4)))
    assert str(started) == (
        "warm start: of the users 5 kept, 0 folded in, 2 as drawn; of the items 4 kept, 0 folded in, 2 as "
        "drawn; the learner goes on after 9 steps"
    )
    assert (started.learner.learner, started.learner.steps) == ("adam", 9)
    for layer in model.layers:
        for weight in layer.weights:
            for found, slot in zip(started.learner.slots[weight.path], slots[weight.path], strict=True):
                if not isinstance(layer, keras.layers.Embedding):
                    np.testing.assert_array_equal(found, slot)
                    continue
                of, before = (now[0], users) if "user" in layer.name else (now[1], items)
                for row, id_ in enumerate(of):
                    known = before.index(id_) if id_ in before else None
                    np.testing.assert_array_equal(found[row], 0 if known is None else slot[known])
                    if known is None:
                        np.testing.assert_array_equal(weight[row], drawn[layer.name][0][row])


@pytest.mark.parametrize("kind", KINDS)
def test_new_items_are_folded_in_before_new_users(kind):
    """Users 0 to 5 and items 0 to 4 are known; item 5 has known users, item 6 a new one alone, item 7 none."""
    old = [(user, item) for user in range(6) for item in range(5) if (user + item) % 3]
    pairs = [*old, (0, 5), (3, 5), (6, 5), (6, 2), (6, 6), (7, 6)]
    model, earlier = ModelSpec(kind, 9, 8, **SIZES).build(2), built(kind, 6, 5)
    drawn = layers_of(model)
    told = []
    started = warm_start(
        model, dataset_of(pairs, 9, 8), layers_of(earlier), None, None, 3,
        on_progress=lambda what, share: told.append((what, share)),
    )  # fmt: skip
    assert (started.users.kept, started.users.folded_in, started.users.as_drawn) == (6, 1, 2)
    assert (started.items.kept, started.items.folded_in, started.items.as_drawn) == (5, 1, 2)
    assert told == [("items", 1.0), ("users", 1.0)]
    counts = [sum(user == other for other, _ in pairs) for user in range(6)]
    rows = ItemFolder(earlier, 3, user_counts=counts)([np.array([0, 3])])
    larger, tables = built(kind, 6, 6), layers_of(earlier)
    of_items = [name for name in tables if "item" in name]
    of_items.sort()  # that of the GMF tower first
    for name, row in zip(of_items, rows, strict=True):
        np.testing.assert_allclose(layers_of(model)[name][0][5], row[0], rtol=1e-5, atol=1e-6)
        tables[name] = (np.concatenate([tables[name][0], row]),)
    for layer in larger.layers:
        if layer.weights:
            layer.set_weights(tables[layer.name])
    of_users = sorted(name for name in tables if "user" in name)
    for name, row in zip(of_users, UserFolder(larger, 3)([np.array([5, 2])]), strict=True):
        np.testing.assert_allclose(layers_of(model)[name][0][6], row[0], rtol=1e-5, atol=1e-6)
    for name in (*of_users, *of_items):
        beyond = slice(7, 9) if "user" in name else slice(6, 8)
        np.testing.assert_array_equal(layers_of(model)[name][0][beyond], drawn[name][0][beyond])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 4))
def test_those_with_the_longest_histories_are_folded_in(newcomers, most):
    newcomers = np.array(newcomers)
    places = np.arange(len(newcomers))
    found, histories = histories_of(newcomers, np.full(6, -1), places, most)
    lengths = {new: int((newcomers == new).sum()) for new in set(newcomers.tolist())}
    longest = sorted(lengths, key=lambda new: (-lengths[new], new))[:most]
    assert found.tolist() == sorted(longest)
    for new, history in zip(found, histories, strict=True):
        assert history.tolist() == places[newcomers == new].tolist()


def test_nothing_is_left_of_forgotten_users():
    states = [0, 0, FORGOTTEN, 0, 0, FORGOTTEN]
    dataset = dataset_of([(0, 0), (1, 1), (3, 2), (4, 0)], 6, 3, user_states=np.array(states))
    earlier, model = built("NeuMF", 5, 3), built("NeuMF", 6, 3, seed=2)
    ones = {each.path: (np.ones(tuple(each.shape), np.float32),) for each in earlier.trainable_variables}
    started = warm_start(
        model, dataset, layers_of(earlier), None, None, learner=LearnerState("rmsprop", 3, ones)
    )
    assert str(started.users) == "4 kept, 0 folded in, 0 as drawn, 2 forgotten"
    for layer in model.layers:
        if isinstance(layer, keras.layers.Embedding) and "user" in layer.name:
            for rows in (layer.embeddings.numpy(), *started.learner.slots[layer.embeddings.path]):
                assert not rows[[2, 5]].any() and rows[[0, 1, 3, 4]].all()


@pytest.mark.parametrize(("kind", "sizes", "ids", "sentence"), [
    ("MLP", (6, 5), (None, None), "`layers` must have exactly the layers of the model GMF"),
    ("GMF", (6, 5), (["a"], None), "`user_ids` must be those of the 6 users of the weights. Received: 1"),
    ("GMF", (6, 5), (None, ["a"] * 4), "`item_ids` must be those of the 5 items of the weights. Received: 4"),
    ("GMF", (1, 2), (["x"], None), "`user_ids` must have ids of the dataset among them"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_changed(kind, sizes, ids, sentence):
    model, dataset = ModelSpec("GMF", 6, 5, **SIZES).build(1), dataset_of([(0, 0)], 6, 5)
    before = model.get_weights()
    with pytest.raises(InputError) as caught:
        warm_start(model, dataset, layers_of(built(kind, *sizes)), *ids)
    assert sentence in str(caught.value)
    np.testing.assert_equal(model.get_weights(), before)


def test_a_learner_of_another_kind_or_a_training_that_has_begun_is_refused():
    dataset, model = dataset_of([(0, 0), (1, 2)], 6, 5), built("GMF", 6, 5)
    trainer = Trainer(model, dataset, TrainingSpec(select="none", learner="adagrad", epochs=1))
    slots = {each.path: (np.ones(tuple(each.shape), np.float32),) for each in model.trainable_variables}
    with pytest.raises(InputError, match="`learner` must be rmsprop, as in the training to go on from"):
        trainer.set_learner_state(LearnerState("rmsprop", 1, slots))
    with pytest.raises(
        InputError, match=r"`state` must have slots of the model's variables. .*prediction/bias"
    ):
        trainer.set_learner_state(LearnerState("adagrad", 1, slots | {"prediction/bias": ()}))
    with pytest.raises(InputError, match="`engine` must be compiled"):
        scheduled = TrainingSpec(select="none", learner="adagrad", engine="keras", warmup_steps=3)
        Trainer(model, dataset, scheduled).set_learner_state(LearnerState("adagrad", 1, slots))
    trainer.fit()
    with pytest.raises(InputError, match="must be set before the first epoch"):
        trainer.set_learner_state(LearnerState("adagrad", 1, slots))
