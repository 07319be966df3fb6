import functools

import keras
import numpy as np
import pytest
import scipy.optimize

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import ModelSpec, build_gmf, model_scores
from ncf_keras.sampling import NegativeSampler
from ncf_keras.solvers.fold_in import TOLERANCE, ItemFolder, UserFolder, fold_in, prior, with_items, with_users
from ncf_keras.training import CompiledEngine
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import MODELS, SIZES

ONE, TWO = ["{}_embedding"], ["mf_embedding_{}", "mlp_embedding_{}"]
LAYERS = {"GMF": ONE, "MLP": ONE, "NeuMF": TWO}
FOLDERS = {"user": UserFolder, "item": ItemFolder}
HISTORY = [2, 3, 7]


def layers_of(kind, side):
    return [name.format(side) for name in LAYERS[kind]]


def objective(kind, side, weights, row, history, negative_weights, strength=1.0):
    """Return the objective in float64, from the formulas of the paper."""
    layers = layers_of(kind, side)
    tables = [weights[name][0] for name in layers]
    known = np.hstack(tables)
    count, width = known.shape
    mean, covariance = known.mean(axis=0), np.cov(known.T, bias=True)
    share = width / (count + width)
    covariance = (1 - share) * covariance + share * (np.trace(covariance) / width) * np.eye(width)
    pieces = np.split(row, np.cumsum([table.shape[1] for table in tables])[:-1])
    changed = {**weights, **{name: [piece[None]] for name, piece in zip(layers, pieces, strict=True)}}
    others = np.arange(len(negative_weights))
    pairs = (np.zeros_like(others), others) if side == "user" else (others, np.zeros_like(others))
    scores = MODELS[kind][1](changed, *pairs)
    liked = np.isin(others, history)
    data = -np.log(scores[liked]).sum() - (negative_weights * np.log(1 - scores))[~liked].sum()
    return data + strength / 2 * (row - mean) @ np.linalg.solve(covariance, row - mean)


def equal_weights(side, history, num_neg=4):
    """Return the weights of negatives that weigh, all together, `num_neg` times the history."""
    others = SIZES[1] if side == "user" else SIZES[0]
    return np.full(others, num_neg * len(history) / (others - len(history)))


@pytest.fixture(scope="module")
def folder_of():
    """Return what gives a model, its weights and its folder, whose program is traced once for each of them."""

    @functools.cache
    def made(kind, side):
        model = MODELS[kind][0]()
        weights = by_hand.randomise(model, scale=0.7)
        return model, weights, FOLDERS[side](model)

    return made


@pytest.mark.parametrize("side", FOLDERS)
@pytest.mark.parametrize("kind", MODELS)
def test_the_row_is_a_minimum_of_the_objective(kind, side, folder_of):
    _, weights, folder = folder_of(kind, side)
    row = np.hstack([part[0] for part in folder([HISTORY])]).astype(np.float64)
    mean = np.hstack([weights[name][0] for name in layers_of(kind, side)]).mean(axis=0)
    arguments = HISTORY, equal_weights(side, HISTORY)
    found = objective(kind, side, weights, row, *arguments)
    gain = objective(kind, side, weights, mean, *arguments) - found
    assert gain > 0.1
    # At a bend of a ReLU the method stops a little beside the minimum.
    slack = 0 if kind == "GMF" else 0.05 * gain
    for step in np.random.default_rng(0).normal(0, 0.1, (50, len(row))):
        assert found < objective(kind, side, weights, row + step, *arguments) + slack


def minimum(*arguments, **options):
    """Return where SciPy finds the least objective of a GMF, from the origin and from no derivatives."""
    loss = functools.partial(lambda row, kind, side, weights, *rest, **more: objective(
        kind, side, weights, row, *rest, **more), **options)  # fmt: skip
    tolerances = {"xatol": 1e-6, "fatol": 1e-10, "maxiter": 10_000}
    return scipy.optimize.minimize(loss, np.zeros(3), arguments, method="Nelder-Mead", options=tolerances).x


@pytest.mark.parametrize("side", FOLDERS)
@pytest.mark.parametrize(("num_neg", "strength"), [(4, 1.0), (1, 1.0), (4, 0.1)])
def test_gmf_whose_objective_is_convex_gives_what_another_method_finds(num_neg, strength, side):
    model = MODELS["GMF"][0]()
    weights = by_hand.randomise(model)
    histories = HISTORY, [0]
    (rows,) = FOLDERS[side](model, num_neg, strength)(histories)
    for row, history in zip(rows, histories, strict=True):
        negatives = equal_weights(side, history, num_neg)
        expected = minimum("GMF", side, weights, history, negatives, strength=strength)
        np.testing.assert_allclose(row, expected, atol=2e-2)
        losses = [objective("GMF", side, weights, one, history, negatives, strength) for one in (row, expected)]
        assert losses[0] < losses[1] * (1 + TOLERANCE)


@pytest.mark.parametrize("side", FOLDERS)
def test_where_features_are_known_the_identity_alone_is_fitted(side):
    # The Gaussian is that of the identities of active rows, moved to where the features say.
    generator, count = np.random.default_rng(7), dict(zip(FOLDERS, SIZES, strict=True))[side]
    features = (generator.random((count, 4)) < 0.5).astype(np.float32)
    model = build_gmf(*SIZES, 3, **{f"{side}_features": features}, seed=1)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0, 1, weight.shape))
    weights = {layer.name: [np.float64(array) for array in layer.get_weights()] for layer in model.layers}
    active = np.arange(count) != 2
    of_new = weights[f"{side}_feature_embedding"][0][[0, 3]].sum(axis=0)
    moved = {**weights, f"{side}_embedding": [weights[f"{side}_embedding"][0][active] + of_new]}
    (rows,) = FOLDERS[side](model, active=active)([HISTORY], [of_new[None]])
    expected = minimum("GMF", side, moved, HISTORY, equal_weights(side, HISTORY))
    np.testing.assert_allclose(rows[0], expected, atol=2e-2)


def test_users_weigh_as_often_as_their_positives_draw_the_item_by_the_share_of_the_average_item():
    model = MODELS["GMF"][0]()
    weights = by_hand.randomise(model)
    counts = np.array([0, 1, 12, 3, 5, 2, 6, 10])  # 39 interactions with 13 items, 3 each
    drawn = np.array([4 * count / (13 - count) for count in counts])
    histories = [2, 3, 5, 7], HISTORY, [4]
    (rows,) = ItemFolder(model, user_counts=counts)(histories)
    for row, history, share in zip(rows, histories, (1, 1, 1 / 3), strict=True):
        expected = minimum("GMF", "item", weights, history, share * drawn)
        np.testing.assert_allclose(row, expected, atol=1e-2)


@pytest.mark.parametrize("side", FOLDERS)
def test_blocks_of_the_other_side_change_nothing(side, folder_of, monkeypatch):
    model, _, folder = folder_of("NeuMF", side)
    expected = folder([HISTORY])
    monkeypatch.setattr("ncf_keras.solvers.fold_in.ROWS_A_BLOCK", 3)
    for one, other in zip(FOLDERS[side](model)([HISTORY]), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("users", [1, 3, 400])
def test_the_prior_can_be_inverted_with_few_users_and_is_the_sample_s_with_many(users):
    generator = np.random.default_rng(1)
    tables = [generator.normal(1, [1, 2], (users, 2)), generator.normal(-1, 0.5, (users, 3))]
    mean, root = prior(tables)
    rows = np.hstack(tables)
    np.testing.assert_allclose(mean, rows.mean(axis=0))
    covariance = root @ root.T
    assert np.linalg.matrix_rank(covariance) == 5
    if users == 400:
        np.testing.assert_allclose(covariance, np.cov(rows.T), atol=0.06)


@pytest.mark.parametrize("side", FOLDERS)
@pytest.mark.parametrize("kind", MODELS)
def test_the_model_stays_as_it_is_and_so_does_the_answer(kind, side, folder_of):
    model, before, folder = folder_of(kind, side)
    everybody = range(SIZES[1] if side == "user" else SIZES[0])
    assert np.isfinite(folder([everybody])[0]).all(), "a history of all leaves no negatives"
    first = folder([HISTORY, [0], [6, 1]])
    for layer in model.layers:
        for array, expected in zip(layer.get_weights(), before[layer.name], strict=True):
            np.testing.assert_array_equal(array, expected)
    again, alone = FOLDERS[side](model)([[7, 2, 3, 2, 7], [0], np.array([1, 6])]), folder([[6, 1]])
    for one, other, single, name in zip(first, again, alone, layers_of(kind, side), strict=True):
        assert one.dtype == np.float32 and one.shape == (3, model.get_layer(name).output_dim)
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one[2:], single)


@pytest.mark.parametrize("side", FOLDERS)
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_with_other_rows_scores_as_by_hand(kind, side):
    build, formula = MODELS[kind]
    model = build()
    weights = by_hand.randomise(model)
    chosen = np.array([5, 2, 5])
    layers = layers_of(kind, side)
    tables = [model.get_layer(name).get_weights()[0][chosen] for name in layers]
    other = (with_users if side == "user" else with_items)(model, tables)
    others = SIZES[1] if side == "user" else SIZES[0]
    new, old = np.divmod(np.arange(3 * others), others)
    pairs, known = ((new, old), (chosen[new], old)) if side == "user" else ((old, new), (old, chosen[new]))
    expected = formula(weights, *known)
    np.testing.assert_allclose(model_scores(other)(*pairs), expected, atol=1e-6)
    np.testing.assert_allclose(predict(other, *pairs), expected, atol=1e-6)
    assert model.get_layer(layers[0]).input_dim == SIZES[0 if side == "user" else 1]


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


@pytest.mark.parametrize(("histories", "options", "message"), [
    ([[1], []], {}, "`history` must hold at least one user for each item. Received: shape (0,)"),
    ([[1, 8]], {}, "`histories` must hold user indices from 0 to 7. Received: [1, 8]"),
    ([[1]], {"user_counts": [3] * 7}, "`user_counts` must have a number for each of the 8 users. Received: "),
])  # fmt: skip
def test_wrong_arguments_of_items_are_named(histories, options, message):
    with pytest.raises(InputError) as error:
        ItemFolder(MODELS["GMF"][0](), **options)(histories)
    assert str(error.value).startswith(message)


def test_weights_so_large_that_derivatives_overflow_leave_the_average():
    model = MODELS["GMF"][0]()
    by_hand.randomise(model)
    table = np.full((SIZES[1], 3), 3e37, np.float32)
    model.get_layer("item_embedding").set_weights([table])
    np.testing.assert_allclose(ItemFolder(model)([[1]])[0][0], table[0], rtol=1e-3)


def test_models_that_users_cannot_be_folded_into_are_refused():
    other = keras.Sequential([keras.layers.Dense(1)])
    for call in (fold_in, with_users, with_items, ItemFolder):
        with pytest.raises(InputError, match="`model` must be a GMF, MLP or NeuMF"):
            call(other, [[1]])
    with pytest.raises(InputError, match="`vectors` must have the widths"):
        with_users(MODELS["NeuMF"][0](), [np.zeros((1, 3)), np.zeros((2, 4))])
    diverged = MODELS["GMF"][0]()
    diverged.get_layer("item_embedding").set_weights([np.full((SIZES[1], 3), np.nan)])
    with pytest.raises(InputError, match="finite"):
        fold_in(diverged, [[1]])


@pytest.mark.parametrize("side", ["users", "items"])
def test_rows_that_are_not_active_do_not_count_for_the_prior(side):
    """The rows are those of a model that has no such rows at all."""
    folder, smaller = (UserFolder, with_users) if side == "users" else (ItemFolder, with_items)
    model = ModelSpec("GMF", 9, 9, num_factors=3).build(4)
    layer = model.get_layer(f"{side[:-1]}_embedding")
    table = np.random.default_rng(1).normal(0, 0.3, (9, 3)).astype(np.float32)
    active = np.arange(9) % 3 > 0
    table[~active] = [[0, 0, 0], [50, -50, 9], [0, 0, 0]]
    layer.set_weights([table])
    found = folder(model, active=active)([[1, 2, 5]])
    np.testing.assert_allclose(found[0], folder(smaller(model, [table[active]]))([[1, 2, 5]])[0], rtol=1e-5)
    assert np.abs(found[0] - folder(model)([[1, 2, 5]])[0]).max() > 1e-3
