import numpy as np
import pytest

from ncf_keras.baselines import EALS
from ncf_keras.data import Dataset

FACTORS, SWEEPS = 3, 4


@pytest.fixture
def dataset(generator):
    likes = generator.random((7, 6)) < 0.4
    likes[2], likes[:, 3] = False, False  # a user and an item without interactions
    users, items = np.nonzero(likes)
    nothing = np.zeros((0, 1), int)
    return Dataset.from_pairs(users, items, [], [], nothing, num_users=7, num_items=6)


def matrix(dataset):
    return dataset.train_matrix.toarray().astype(np.float64)


def weights_by_hand(dataset, missing_weight, exponent):
    """c_i of equation 8, and the weight of each pair: 1 for an interaction."""
    shares = (matrix(dataset).sum(axis=0) / matrix(dataset).sum()) ** exponent
    c = missing_weight * shares / shares.sum()
    return np.where(matrix(dataset) == 1, 1.0, c)


def slow_eals(dataset, model):
    """Coordinate descent on the loss, one coordinate at a time, from the least-squares formula alone."""
    generator = np.random.default_rng(model.seed)
    users = generator.normal(0, 0.01, (dataset.num_users, model.factors))
    items = generator.normal(0, 0.01, (dataset.num_items, model.factors))
    target = matrix(dataset)
    weights = weights_by_hand(dataset, model.missing_weight, model.popularity_exponent)
    for _ in range(model.sweeps):
        sides = (users, items, target, weights), (items, users, target.T, weights.T)
        for rows, columns, goal, weight in sides:
            for row in range(len(rows)):
                for factor in range(model.factors):
                    without = goal[row] - rows[row] @ columns.T + rows[row, factor] * columns[:, factor]
                    top = (weight[row] * without * columns[:, factor]).sum()
                    bottom = (weight[row] * columns[:, factor] ** 2).sum() + model.regularization
                    rows[row, factor] = top / bottom
    return users, items


@pytest.mark.parametrize(("missing_weight", "exponent"), [(2.0, 0.0), (2.0, 1.0), (12.0, 0.5)])
def test_equals_plain_coordinate_descent(dataset, missing_weight, exponent):
    model = EALS(FACTORS, missing_weight, exponent, regularization=0.1, sweeps=SWEEPS, seed=3).fit(dataset)
    users, items = slow_eals(dataset, model)
    np.testing.assert_allclose(model.user_factors, users, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.item_factors, items, rtol=1e-9, atol=1e-12)
    assert np.abs(users).max() > 0.1
