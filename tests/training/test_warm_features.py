"""A warm start of a model with features: what becomes of categories, of rows without interactions, of slots."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.earlier_ids import ids_of_dataset, read_earlier_ids
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_file import write_encodings
from ncf_keras.data.feature_tables import FeatureTable
from ncf_keras.data.features import Feature, Features
from ncf_keras.data.grown_features import grown_features
from ncf_keras.data.states import INACTIVE
from ncf_keras.models import build_neumf
from ncf_keras.models.features import FeatureRows
from ncf_keras.solvers.fold_in import ItemFolder
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.moved_features import features_by_name, moved_features
from ncf_keras.training.warm_start import warm_start
from ncf_keras.weights.loading import layers_of

USERS, ITEMS, NEW = 20, 12, 4
GENRES = ["drama", "comedy", "drama|war", "comedy|war"] * 3
YEARS = [str(1990 + 2 * item) for item in range(ITEMS)]
# Item 11 has no interactions yet.
COLD = 11
NOTHING = np.zeros(0, int)
IDS = [f"i{item}" for item in range(ITEMS + NEW)]


def interactions(count):
    generator = np.random.default_rng(1)
    pairs = [(user, item) for user in range(USERS) for item in generator.choice(11, 4, replace=False)]
    # Of the new items the first has four users, and the last ones none; the cold one has got two.
    more = [(user, ITEMS) for user in (0, 3, 5, 9)] + [(1, COLD), (2, COLD)]
    return np.array(pairs if count == ITEMS else [*pairs, *more]).T


def dataset_of(count, features):
    users, items = interactions(count)
    states = np.where(np.isin(np.arange(count), items), 0, INACTIVE)
    return Dataset.from_pairs(
        users, items, NOTHING, NOTHING, NOTHING.reshape(0, 1), num_users=USERS, num_items=count,
        item_ids=IDS[:count], item_states=states, item_features=features,
    )  # fmt: skip


@pytest.fixture(scope="module")
def yesterday():
    cells = {"genre": (GENRES, "categories"), "year": (YEARS, "number")}
    columns = [
        Feature.of_cells(name, each, Encoding.of(name, each, kind)) for name, (each, kind) in cells.items()
    ]
    return dataset_of(ITEMS, Features(columns))


@pytest.fixture(scope="module")
def today(yesterday):
    """With a new category in the first column, so that all codes of the second are others, and a new column."""
    new = ["western", "war", "", "drama"]
    table = FeatureTable("new", IDS[ITEMS:], {"genre": new, "year": ["1991", "1999", "", ""]})
    colours = FeatureTable("colours", IDS, {"colour": ["red", "blue"] * 8})
    return dataset_of(ITEMS + NEW, grown_features(yesterday.item_features, IDS, [table, colours]))


def model_of(dataset, seed):
    model = build_neumf(
        USERS, dataset.num_items, 3, (8, 4), (0, 0), item_features=dataset.item_features.matrix(), seed=seed
    )
    generator = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0, 0.5, weight.shape))
    return model


@pytest.fixture(scope="module")
def earlier(yesterday):
    model = model_of(yesterday, 1)
    for name in ("mf_embedding_item", "mlp_embedding_item"):
        table = model.get_layer(name).get_weights()[0]
        table[COLD] = 0
        model.get_layer(name).set_weights([table])
    return model


@pytest.fixture(scope="module")
def started(earlier, today):
    model = model_of(today, 2)
    drawn = layers_of(model)
    slots = {each.path: (each.numpy() + 1,) for each in earlier.trainable_variables}
    state = LearnerState("adagrad", 7, slots)
    return model, drawn, warm_start(model, today, layers_of(earlier), None, IDS[:ITEMS], learner=state)


def numbers_by_name(features):
    """Return the number of each category of each column, columns side by side."""
    names = [(column, category) for column, each in features.items() for category in each.categories]
    return {name: number for number, name in enumerate(names)}


def test_known_categories_keep_their_embeddings_and_new_ones_are_as_drawn(started, earlier, yesterday, today):
    model, drawn, warm = started
    before, now = (numbers_by_name(dataset.item_features) for dataset in (yesterday, today))
    assert set(before) < set(now) and any(now[name] != before[name] for name in before)
    for tower in ("mf", "mlp"):
        layer = f"{tower}_feature_embedding_item"
        table, old = model.get_layer(layer).get_weights()[0], earlier.get_layer(layer).get_weights()[0]
        slot = warm.learner.slots[model.get_layer(layer).embeddings.path][0]
        for name, number in now.items():
            expected = old[before[name]] if name in before else drawn[layer][0][number]
            np.testing.assert_array_equal(table[number], expected)
            np.testing.assert_array_equal(slot[number], old[before[name]] + 1 if name in before else 0)
    np.testing.assert_array_equal(model.get_layer("item_features").get_weights()[0], drawn["item_features"][0])


def test_rows_are_kept_folded_in_or_left_to_their_features(started, earlier, today):
    model, _, warm = started
    assert str(warm.items) == "11 kept, 2 folded in, 0 as drawn, 3 by their features alone"
    counts = np.bincount(today.train_users, minlength=USERS)
    known = dict(zip(("mf", "mlp"), _tables_of_known(earlier), strict=True))
    for tower, width in (("mf", 3), ("mlp", 4)):
        table = model.get_layer(f"{tower}_embedding_item").get_weights()[0]
        np.testing.assert_array_equal(table[:COLD], known[tower][:COLD])
        assert table.shape[1] == width and not table[ITEMS + 1 :].any()
    # What is fitted is the identity, for the features that the items have in today's tables.
    codes = today.item_features.matrix().toarray()
    sums = [
        codes @ model.get_layer(f"{tower}_feature_embedding_item").get_weights()[0] for tower in ("mf", "mlp")
    ]
    alone = build_neumf(USERS, COLD, 3, (8, 4), (0, 0), item_features=codes[:COLD])
    layers = layers_of(alone)
    for name, arrays in layers_of(model).items():
        rows = slice(COLD) if name in ("mf_embedding_item", "mlp_embedding_item") else slice(None)
        if name != "item_features":
            layers[name] = (arrays[0][rows], *arrays[1:])
    for name, arrays in layers.items():
        alone.get_layer(name).set_weights(arrays)
    folder = ItemFolder(alone, user_counts=counts)
    for item, history in ((COLD, [1, 2]), (ITEMS, [0, 3, 5, 9])):
        fitted = folder([history], [part[item : item + 1] for part in sums])
        for tower, row, part in zip(("mf", "mlp"), fitted, sums, strict=True):
            table = model.get_layer(f"{tower}_embedding_item").get_weights()[0]
            np.testing.assert_allclose(table[item], row[0] - part[item], rtol=0, atol=1e-4)


def _tables_of_known(model):
    return [model.get_layer(f"{tower}_embedding_item").get_weights()[0] for tower in ("mf", "mlp")]


def test_other_features_than_those_of_the_earlier_training_are_refused(earlier, today):
    generator = np.random.default_rng(3)
    columns = list(today.item_features.values())
    cells = generator.permutation([*GENRES, "western", "war", "", "drama"]).tolist()
    other = Features([columns[2], Feature.of_cells("mood", cells, Encoding.of("mood", cells, "categories"))])
    dataset = dataclasses.replace(today, item_features=other)
    with pytest.raises(
        InputError, match="`dataset` must have the features of items that the earlier model was"
    ):
        warm_start(model_of(dataset, 2), dataset, layers_of(earlier), None, IDS[:ITEMS])


TAGS, SIZES = ["a", "b", "c", "a"] * 3, ["s", "s", "l"] * 4


def columns_of_cells(**cells):
    return {name: Encoding.of(name, each, "categories") for name, each in cells.items()}


def with_tags(tags):
    """Return yesterday's dataset with two columns, the first of which has got tags since."""
    encodings = columns_of_cells(tag=TAGS, size=SIZES)
    encodings["tag"] = encodings["tag"].grown("tag", tags)
    cells = {"tag": tags, "size": SIZES}
    return dataset_of(
        ITEMS, Features(Feature.of_cells(name, cells[name], encodings[name]) for name in ("tag", "size"))
    )


def test_where_every_item_has_got_a_tag_the_earlier_dataset_tells_what_has_moved():
    yesterday, today = with_tags(TAGS), with_tags([f"{tag}|{'de'[n % 2]}" for n, tag in enumerate(TAGS)])
    earlier, model = model_of(yesterday, 1), model_of(today, 2)
    before = {name: column.encoding for name, column in yesterday.item_features.items()}
    warm_start(model, today, layers_of(earlier), None, IDS[:ITEMS], earlier_columns=(None, before))
    found, had = (one.get_layer("mf_feature_embedding_item").get_weights()[0] for one in (model, earlier))
    np.testing.assert_array_equal(found[[0, 1, 2, 5, 6]], had)
    # By weights alone there is no telling.
    with pytest.raises(InputError, match=r"Received: others, or such that only the earlier dataset tells"):
        warm_start(model_of(today, 2), today, layers_of(earlier), None, IDS[:ITEMS])


def test_rows_that_have_not_changed_tell_what_has_moved():
    # Of ten rows with a category of each of two columns, of 3 and 2, half have got a new one of the first.
    had = np.array([[1 + row % 3, 4 + row % 2] for row in range(10)])
    tagged = [[1 + row % 3, 4, 5 + row % 2] for row in range(5)]
    has = np.array([*tagged, *([1 + row % 3, 5 + row % 2, 0] for row in range(5, 10))])
    assert moved_features(had, has, 5, [4, 2], "items").tolist() == [0, 1, 2, 4, 5]
    # Where the rest have changed otherwise, they contradict each other.
    has[5:, 1] = 5 + np.arange(5) // 3
    with pytest.raises(InputError, match="`dataset` must have the features of items that the earlier model"):
        moved_features(had, has, 5, [4, 2], "items")


def test_features_are_found_by_the_names_of_columns_and_categories():
    earlier = columns_of_cells(a=["x", "y", "z", ""], b=["s", "t"], gone=["u"])
    # Prepared anew: in another order, with others between.
    today = columns_of_cells(b=["r", "s", "t"], a=["w", "z", "x", ""])
    here, there = features_by_name(earlier, today, "items")
    # Today: b r 0, s 1, t 2; a w 3, x 4, z 5, missing 6. Earlier: a x 0, y 1, z 2, missing 3; b s 4, t 5; u 6.
    assert dict(zip(there.tolist(), here.tolist(), strict=True)) == {0: 4, 2: 5, 3: 6, 4: 1, 5: 2}
    with pytest.raises(InputError, match="`dataset` must have the features of items"):
        features_by_name(earlier, columns_of_cells(c=["x"]), "items")


def test_what_has_lost_its_name_has_kept_its_place():
    cells = ["1", "5", "12345", "20000"]
    number, town = Encoding.of("n", cells, "number"), Encoding.of("t", ["Oslo", "Rome"], "categories")
    without = number.without_values(np.array([12345.0]), np.array([1.0, 5.0, 20000.0]))
    today = {"n": without, "t": town.without_names([0]).grown("t", ["Bern"])}
    here, there = features_by_name({"n": number, "t": town}, today, "users")
    assert sorted(there) == list(range(6)) and here.tolist() == there.tolist()


def test_columns_come_from_the_files_of_the_earlier_dataset(tmp_path):
    dataset = with_tags(TAGS)
    write_encodings(tmp_path / "d.features.json", None, dataset.item_features)
    known = read_earlier_ids(tmp_path / "d")
    assert known.item_columns == columns_of_cells(tag=TAGS, size=SIZES) and not known.user_columns
    assert ids_of_dataset(dataset, None).item_columns == known.item_columns


def test_of_a_model_without_identities_no_item_is_kept_or_folded_in(yesterday, today):
    earlier, model = (
        build_neumf(
            USERS, dataset.num_items, 3, (8, 4), (0, 0), item_features=dataset.item_features.matrix(),
            identity="user", seed=1,
        )
        for dataset in (yesterday, today)
    )  # fmt: skip
    warm = warm_start(model, today, layers_of(earlier), None, IDS[:ITEMS])
    assert str(warm.items) == "0 kept, 0 folded in, 0 as drawn, 16 by their features alone"


def test_who_has_interactions_and_is_not_folded_in_is_as_drawn(earlier, today):
    model = model_of(today, 2)
    drawn = layers_of(model)["mf_embedding_item"][0].copy()
    warm = warm_start(model, today, layers_of(earlier), None, IDS[:ITEMS], most_folded=1)
    # The first new item has four users, the cold one but two.
    assert str(warm.items) == "11 kept, 1 folded in, 1 as drawn, 3 by their features alone"
    table = model.get_layer("mf_embedding_item").get_weights()[0]
    np.testing.assert_array_equal(table[COLD], drawn[COLD])


@given(data=st.data())
def test_features_are_found_again_wherever_columns_have_grown(data):
    widths = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    grown = [width + data.draw(st.integers(0, 3)) for width in widths]
    new_columns = data.draw(st.lists(st.integers(1, 3), max_size=2))
    rows = data.draw(st.integers(3, 8))
    starts, moved = np.cumsum([0, *widths]), np.cumsum([0, *grown])
    had, has = np.zeros((rows, starts[-1])), np.zeros((rows, moved[-1] + sum(new_columns)))
    for row in range(rows):
        for column, width in enumerate(widths):
            # Each row has a category of each column.
            some = data.draw(st.sets(st.integers(0, width - 1), min_size=1))
            for code in some:
                had[row, starts[column] + code] = has[row, moved[column] + code] = 1
        has[row, moved[-1] :] = data.draw(st.booleans())
    codes = [FeatureRows.of(matrix, rows, "x").codes for matrix in (had, has)]
    found = moved_features(*codes, int(starts[-1]), [*grown, *new_columns], "items")
    expected = [moved[column] + code for column, width in enumerate(widths) for code in range(width)]
    assert found.tolist() == expected


def test_what_nobody_has_any_more_is_forgotten_with_its_slots(yesterday, earlier):
    """Somebody alone had a category and asked to be forgotten: the cells are empty, and its vector is too."""
    column = yesterday.item_features["genre"]
    bare = ["drama" if "war" in cell else cell for cell in GENRES]
    genre = Feature.of_cells("genre", bare, column.encoding)
    features = Features([genre, yesterday.item_features["year"]])
    model = model_of(dataset_of(ITEMS, features), 2)
    slots = {each.path: (each.numpy() + 1,) for each in earlier.trainable_variables}
    state = LearnerState("adagrad", 7, slots)
    warm = warm_start(model, dataset_of(ITEMS, features), layers_of(earlier), None, IDS[:ITEMS], learner=state)
    war = column.categories.index("war")
    for name in ("mf_feature_embedding_item", "mlp_feature_embedding_item"):
        table = model.get_layer(name).get_weights()[0]
        assert not table[war].any() and np.delete(table, war, axis=0).any(axis=1).all()
        (slot,) = warm.learner.slots[model.get_layer(name).embeddings.path]
        assert not slot[war].any() and slot.any()
