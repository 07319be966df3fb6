"""Least squares against the loss written out pair by pair, and against conditions that only a minimum meets."""

import dataclasses

import numpy as np
import pytest
from scipy import optimize, sparse, stats

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, sample_dataset
from ncf_keras.models import build_gmf, model_scores
from ncf_keras.sampling import NegativeSampler
from ncf_keras.solvers import least_squares
from ncf_keras.solvers.least_squares import factorise, solve_rows
from ncf_keras.solvers.least_squares_loss import LeastSquares
from ncf_keras.training.fit_gmf import fit_gmf

USERS, ITEMS, FACTORS = 9, 12, 3
SETTINGS = LeastSquares(unobserved_weight=0.3, regularization=0.02, popularity_exponent=0.4, sweeps=3)


@pytest.fixture(scope="module")
def dataset():
    generator = np.random.default_rng(8)
    # The last item and the last user occur in no train interaction.
    pairs = np.argwhere(generator.random((USERS - 1, ITEMS - 1)) < 0.35)
    tests = np.zeros(1, np.int64)
    return Dataset.from_pairs(*pairs.T, tests, tests, np.array([[1, 2]]), num_users=USERS, num_items=ITEMS)


def loss_by_hand(dataset, settings, users, items):
    """The loss of the module's text, term by term."""
    liked = {(u, i) for u, i in zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True)}
    of_user = [sum(pair[0] == u for pair in liked) for u in range(USERS)]
    of_item = [sum(pair[1] == i for pair in liked) for i in range(ITEMS)]
    powers = [max(count, 1) ** settings.popularity_exponent for count in of_item]
    c = [power * ITEMS / sum(powers) for power in powers]
    a, total = settings.unobserved_weight, 0.0
    penalties_of_users = penalties_by_hand([of_user[u] + a * sum(c) for u in range(USERS)], settings)
    penalties_of_items = penalties_by_hand([of_item[i] + a * c[i] * USERS for i in range(ITEMS)], settings)
    for u in range(USERS):
        total += penalties_of_users[u] * (users[u] @ users[u])
        for i in range(ITEMS):
            s = users[u] @ items[i]
            total += a * c[i] * s**2 + ((1 - s) ** 2 if (u, i) in liked else 0.0)
    for i in range(ITEMS):
        total += penalties_of_items[i] * (items[i] @ items[i])
    return total


def penalties_by_hand(weights, settings):
    """In proportion to a power of the weights, but the mean weight has the same penalty at any power."""
    mean = sum(weights) / len(weights)
    return [settings.regularization * mean * (w / mean) ** settings.penalty_exponent for w in weights]


@pytest.mark.parametrize(
    "settings", [SETTINGS, LeastSquares(0.3, 0.02, 0.4, 3, 0), LeastSquares(0.3, 0.02, 0, 3, 0.6)]
)
def test_the_last_half_sweep_is_the_minimum_over_the_items(dataset, settings):
    users, items = factorise(dataset, FACTORS, settings, seed=1)
    found = optimize.minimize(
        lambda flat: loss_by_hand(dataset, settings, users, flat.reshape(ITEMS, FACTORS)),
        np.zeros(ITEMS * FACTORS),
        tol=1e-12,
    )
    np.testing.assert_allclose(items, found.x.reshape(ITEMS, FACTORS), atol=2e-4)
    assert loss_by_hand(dataset, settings, users, items) == pytest.approx(found.fun, rel=1e-5)


@pytest.mark.parametrize("numbers_a_stack", [1, 2**20])
@pytest.mark.parametrize("regularization", [1e-7, 0.01, 10.0])
def test_rows_with_fewer_interactions_than_factors_and_more_solve_their_systems(
    regularization, numbers_a_stack, monkeypatch
):
    # With 1 every row is larger than a stack may be, as those of very popular items are.
    monkeypatch.setattr(least_squares, "NUMBERS_A_STACK", numbers_a_stack)
    generator = np.random.default_rng(4)
    # From no interaction of a row to all.
    interactions = (generator.random((60, 50)) < np.linspace(0, 1, 60)[:, None]).astype(np.float32)
    columns = generator.normal(0, 0.3, (50, 16)).astype(np.float32)
    row_weights, column_weights = (generator.uniform(0.1, 2, count).astype(np.float32) for count in (60, 50))
    penalties = (regularization * generator.uniform(5, 50, 60)).astype(np.float32)
    solved = solve_rows(sparse.csr_matrix(interactions), columns, row_weights, column_weights, penalties)
    every = columns.astype(np.float64)
    for row, weight, penalty, found in zip(interactions, row_weights, penalties, solved, strict=True):
        weights = row + weight * column_weights.astype(np.float64)
        system = (every * weights[:, None]).T @ every + penalty * np.eye(16)
        expected = np.linalg.solve(system, every.T @ row) if row.any() else np.zeros(16)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_every_sweep_makes_the_loss_smaller_until_nothing_can(dataset):
    losses = [
        loss_by_hand(dataset, SETTINGS, *factorise(dataset, FACTORS, LeastSquares(0.3, 0.02, 0.4, sweeps), 1))
        for sweeps in (1, 2, 4, 60)
    ]
    assert losses[0] > losses[1] > losses[2] > losses[3]
    vectors = factorise(dataset, FACTORS, LeastSquares(0.3, 0.02, 0.4, 400), seed=1)
    flat = np.concatenate(vectors).astype(np.float64).ravel()

    def loss(x):
        return loss_by_hand(dataset, SETTINGS, *np.split(x.reshape(-1, FACTORS), [USERS]))

    # A point where both halves are solved for is one where no direction goes down.
    assert np.abs(optimize.approx_fprime(flat, loss, 1e-6)).max() < 2e-2


def test_the_same_seed_gives_the_same_vectors_and_sweeps_are_told(dataset):
    told = []
    first = factorise(dataset, FACTORS, SETTINGS, 1, told.append)
    again, other = factorise(dataset, FACTORS, SETTINGS, 1), factorise(dataset, FACTORS, SETTINGS, 2)
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(first[0], other[0])
    assert told == [1, 2, 3]
    # Who has no interactions has a vector of zeros.
    assert not first[0][-1].any() and not first[1][-1].any() and first[0][:-1].any(axis=1).all()


def test_the_gmf_ranks_as_the_products_and_its_probabilities_are_calibrated():
    dataset = sample_dataset()
    model = build_gmf(dataset.num_users, dataset.num_items, 16, seed=0)
    settings = LeastSquares(0.25, 0.01, 0.1, sweeps=4)
    fit_gmf(model, dataset, settings, seed=3)
    users, items = factorise(dataset, 16, settings, seed=3)
    sizes = (dataset.num_users, dataset.num_items)
    pairs = np.random.default_rng(0).integers(0, sizes, (2000, 2)).astype(np.int32)
    probability = model_scores(model)(*pairs.T)
    products = np.einsum("nk,nk->n", users[pairs[:, 0]], items[pairs[:, 1]])
    assert stats.spearmanr(products, probability).statistic > 0.9999
    # Of logistic regression with a bias, the mean probability of its examples is the share of positives, and
    # errors are not correlated with the input.
    drawn_users, drawn_items, labels = next(iter(NegativeSampler(dataset, 4, 3).chunks(0, 2**20)))
    errors = model_scores(model)(drawn_users, drawn_items) - labels
    inputs = np.einsum("nk,nk->n", users[drawn_users], items[drawn_items])
    assert abs(errors.mean()) < 1e-3
    assert abs((errors * inputs).mean()) < 1e-3


def test_settings_at_their_ends_give_finite_vectors(dataset):
    for settings in (LeastSquares(1e9, 1e9, 10, 3), LeastSquares(0.3, 0.02, np.float32(-10), np.int64(2))):
        assert all(np.isfinite(table).all() for table in factorise(dataset, FACTORS, settings, seed=1))


WEIGHTS = (0.0, -1.0, float("inf"), float("nan"), 1e10, 10**400, "x", None, True)
WRONG = {"unobserved_weight": WEIGHTS, "regularization": WEIGHTS, "sweeps": (0, -1, 1.5, 2.0, "x", None, True),
         "popularity_exponent": (float("nan"), 10.5, -10.5, 400, "x", None, True),
         "penalty_exponent": (float("nan"), 1.5, -0.5, "x", None, True)}  # fmt: skip


@pytest.mark.parametrize("argument", WRONG)
def test_a_setting_of_the_wrong_kind_or_range_is_named(argument):
    for value in WRONG[argument]:
        with pytest.raises(InputError, match=f"`{argument}` must be .*Received: {value!r}"):
            dataclasses.replace(SETTINGS, **{argument: value})
