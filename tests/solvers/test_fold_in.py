import functools

import keras
import numpy as np
import pytest
import scipy.optimize

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import ModelSpec, model_scores
from ncf_keras.sampling import NegativeSampler
from ncf_keras.solvers.fold_in import UserFolder, fold_in, user_prior, with_users
from ncf_keras.training import CompiledEngine
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import MODELS, SIZES

ONE, TWO = ["user_embedding"], ["mf_embedding_user", "mlp_embedding_user"]
USER_LAYERS = {"GMF": ONE, "MLP": ONE, "NeuMF": TWO}
HISTORY = [2, 3, 8]


def objective(kind, weights, row, history, num_neg=4, strength=1.0):
    """Return the objective of `fold_in` in float64, from the formulas of the paper."""
    layers = USER_LAYERS[kind]
    tables = [weights[name][0] for name in layers]
    known = np.hstack(tables)
    users, width = known.shape
    mean, covariance = known.mean(axis=0), np.cov(known.T, bias=True)
    share = width / (users + width)
    covariance = (1 - share) * covariance + share * (np.trace(covariance) / width) * np.eye(width)
    pieces = np.split(row, np.cumsum([table.shape[1] for table in tables])[:-1])
    changed = {**weights, **{name: [piece[None]] for name, piece in zip(layers, pieces, strict=True)}}
    items = np.arange(SIZES[1])
    scores = MODELS[kind][1](changed, np.zeros(SIZES[1], int), items)
    liked = np.isin(items, history)
    weight = num_neg * liked.sum() / (~liked).sum()
    data = -np.log(scores[liked]).sum() - weight * np.log(1 - scores[~liked]).sum()
    return data + strength / 2 * (row - mean) @ np.linalg.solve(covariance, row - mean)


@pytest.mark.parametrize("kind", MODELS)
def test_the_row_is_a_minimum_of_the_objective(kind):
    model = MODELS[kind][0]()
    weights = by_hand.randomise(model)
    row = np.hstack([part[0] for part in fold_in(model, [HISTORY])]).astype(np.float64)
    mean = np.hstack([weights[name][0] for name in USER_LAYERS[kind]]).mean(axis=0)
    found = objective(kind, weights, row, HISTORY)
    gain = objective(kind, weights, mean, HISTORY) - found
    assert gain > 0.1
    # At a bend of a ReLU the method stops a little beside the minimum.
    slack = 0 if kind == "GMF" else 0.02 * gain
    for step in np.random.default_rng(0).normal(0, 0.1, (50, len(row))):
        assert found < objective(kind, weights, row + step, HISTORY) + slack


@pytest.mark.parametrize(("num_neg", "strength"), [(4, 1.0), (1, 1.0), (4, 0.1)])
def test_gmf_whose_objective_is_convex_gives_what_another_method_finds(num_neg, strength):
    model = MODELS["GMF"][0]()
    weights = by_hand.randomise(model)
    (rows,) = fold_in(model, [HISTORY, [0]], num_neg, strength)
    for row, history in zip(rows, (HISTORY, [0]), strict=True):
        loss = functools.partial(objective, "GMF", weights, history=history, num_neg=num_neg, strength=strength)
        options = {"xatol": 1e-6, "fatol": 1e-10}
        expected = scipy.optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options=options)
        np.testing.assert_allclose(row, expected.x, atol=1e-2)


@pytest.mark.parametrize("users", [1, 3, 400])
def test_the_prior_can_be_inverted_with_few_users_and_is_the_sample_s_with_many(users):
    generator = np.random.default_rng(1)
    tables = [generator.normal(1, [1, 2], (users, 2)), generator.normal(-1, 0.5, (users, 3))]
    mean, root = user_prior(tables)
    rows = np.hstack(tables)
    np.testing.assert_allclose(mean, rows.mean(axis=0))
    covariance = root @ root.T
    assert np.linalg.matrix_rank(covariance) == 5
    if users == 400:
        np.testing.assert_allclose(covariance, np.cov(rows.T), atol=0.06)


@pytest.mark.parametrize("kind", MODELS)
def test_the_model_stays_as_it_is_and_so_does_the_answer(kind):
    model = MODELS[kind][0]()
    by_hand.randomise(model)
    before = model.get_weights()
    folder = UserFolder(model)
    assert np.isfinite(folder([range(SIZES[1])])[0]).all(), "a history of all items leaves none"
    first = folder([HISTORY, [0], [12, 1]])
    for array, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)
    again, alone = fold_in(model, [[8, 2, 3, 2, 8], [0], np.array([1, 12])]), folder([[12, 1]])
    for one, other, single, name in zip(first, again, alone, USER_LAYERS[kind], strict=True):
        assert one.dtype == np.float32 and one.shape == (3, model.get_layer(name).output_dim)
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one[2:], single)


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_with_other_users_scores_as_by_hand(kind):
    build, formula = MODELS[kind]
    model = build()
    weights = by_hand.randomise(model)
    users = np.array([5, 2, 5])
    tables = [model.get_layer(name).get_weights()[0][users] for name in USER_LAYERS[kind]]
    other = with_users(model, tables)
    pairs = np.divmod(np.arange(3 * SIZES[1]), SIZES[1])
    expected = formula(weights, users[pairs[0]], pairs[1])
    np.testing.assert_allclose(model_scores(other)(*pairs), expected, atol=1e-6)
    np.testing.assert_allclose(predict(other, *pairs), expected, atol=1e-6)
    assert model.get_layer(USER_LAYERS[kind][0]).input_dim == SIZES[0]


def without_last_users(dataset, count):
    """Return the dataset of all but the last users, and the histories of these."""
    stays = dataset.num_users - count
    train, test = dataset.train_users < stays, dataset.test_users < stays
    arrays = [part[train] for part in (dataset.train_users, dataset.train_items)]
    arrays += [part[test] for part in (dataset.test_users, dataset.test_items, dataset.test_negatives)]
    kept = Dataset.from_pairs(*arrays, num_users=stays, num_items=dataset.num_items)
    return kept, np.split(dataset.train_items, dataset.train_offsets[1:-1])[stays:]


@pytest.mark.parametrize("kind", ["GMF", pytest.param("NeuMF", marks=pytest.mark.slow)])
def test_held_out_items_of_people_outside_training_rank_well_above_popularity(kind, sample):
    kept, histories = without_last_users(sample, 40)
    model = ModelSpec(kind, kept.num_users, kept.num_items, 8, (32, 16)).build(seed=1)
    engine = CompiledEngine(model, NegativeSampler(kept, 4, 1), "adam", 0.005, 256)
    for _ in range(4):
        engine.train_epoch()
    folded = with_users(model, fold_in(model, histories))
    lines = sample.test_users >= kept.num_users
    users = sample.test_users[lines] - kept.num_users
    protocol = LeaveOneOut(users, sample.test_items[lines], sample.test_negatives[lines])
    by_popularity = protocol.evaluate(lambda users, items: kept.item_counts[items]).hr
    assert protocol.evaluate(model_scores(folded)).hr > by_popularity + 0.15


@pytest.mark.parametrize(("histories", "options", "message"), [
    ([[1], []], {}, "`history` must hold at least one item for each user"),
    ([[1, 13]], {}, "`histories` must hold item indices from 0 to 12. Received: [1, 13]"),
    ([[0.5]], {}, "`histories` must hold item indices from 0 to 12. Received: [0.5]"),
    ([["a,b"]], {}, "`histories` must hold item indices from 0 to 12. Received: ['a,b']"),
    ([3], {}, "`history` must hold at least one item for each user"),
    ([[1]], {"num_neg": 0}, "`num_neg` must be a whole number of at least 1. Received: 0"),
    ([[1]], {"prior_strength": -1}, "`prior_strength` must be a finite number of at least 0. Received: -1"),
    ([[1]], {"prior_strength": float("nan")}, "`prior_strength` must be a finite number"),
])  # fmt: skip
def test_wrong_arguments_are_named(histories, options, message):
    with pytest.raises(InputError) as error:
        fold_in(MODELS["GMF"][0](), histories, **options)
    assert str(error.value).startswith(message)


def test_models_that_users_cannot_be_folded_into_are_refused():
    other = keras.Sequential([keras.layers.Dense(1)])
    for call in (fold_in, with_users):
        with pytest.raises(InputError, match="`model` must be a GMF, MLP or NeuMF"):
            call(other, [[1]])
    with pytest.raises(InputError, match="`vectors` must have the widths"):
        with_users(MODELS["NeuMF"][0](), [np.zeros((1, 3)), np.zeros((2, 4))])
    diverged = MODELS["GMF"][0]()
    diverged.get_layer("item_embedding").set_weights([np.full((SIZES[1], 3), np.nan)])
    with pytest.raises(InputError, match="finite"):
        fold_in(diverged, [[1]])
