"""What comes from the library `implicit`: that our hyperparameters mean what we say they mean."""

import sys

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import IALS, ItemKNN
from ncf_keras.data import Dataset


@pytest.fixture
def dataset(generator):
    likes = generator.random((30, 20)) < 0.3
    likes[4] = False
    return Dataset.from_pairs(*np.nonzero(likes), [], [], np.zeros((0, 1), int), num_users=30, num_items=20)


@pytest.mark.parametrize(("weight", "regularization"), [(0.2, 0.5), (1.0, 2.0)])
def test_ials_solves_the_weighted_least_squares_of_its_docstring(dataset, weight, regularization):
    """Where sweeps change nothing any more, every vector is the ridge regression on the others."""
    pytest.importorskip("implicit")
    model = IALS(4, weight, regularization, sweeps=400).fit(dataset)
    target = dataset.train_matrix.toarray().astype(np.float64)
    weights = np.where(target == 1, 1.0, weight)
    sides = ((model.user_factors, model.item_factors, target, weights),
             (model.item_factors, model.user_factors, target.T, weights.T))  # fmt: skip
    for rows, columns, goal, weight_of in sides:
        for row in range(len(rows)):
            normal = columns.T @ (weight_of[row][:, None] * columns) + regularization * np.eye(4)
            solution = np.linalg.solve(normal, columns.T @ (weight_of[row] * goal[row]))
            np.testing.assert_allclose(rows[row], solution, atol=2e-4)
    assert np.abs(model.user_factors).max() > 0.3


@pytest.mark.parametrize("baseline", [IALS(), ItemKNN()])
def test_a_missing_library_is_named(baseline, dataset, monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "implicit"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "implicit", None)
    with pytest.raises(
        InputError, match=r"`implicit` installed: pip install 'ncf-keras\[baselines\]'\. Received: no"
    ):
        baseline.fit(dataset)
