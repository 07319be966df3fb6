"""ItemPop, ItemKNN and EASE against slow references."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import EASE, ItemKNN, ItemPop
from ncf_keras.data import Dataset

USERS, ITEMS = 211, 9


@pytest.fixture
def dataset(generator):
    likes = generator.random((USERS, ITEMS)) < 0.45
    likes[:, 4] = False  # an item that nobody has
    nothing = np.zeros((0, 1), int)
    return Dataset.from_pairs(*np.nonzero(likes), [], [], nothing, num_users=USERS, num_items=ITEMS)


def scores_of_all(baseline):
    users, items = np.divmod(np.arange(USERS * ITEMS), ITEMS)
    return baseline.score(users, items).reshape(USERS, ITEMS)


def test_item_pop_counts_by_hand():
    dataset = Dataset.from_pairs([0, 0, 1, 2, 2], [0, 1, 1, 1, 3], [], [], np.zeros((0, 1), int), num_items=5)
    scores = ItemPop().fit(dataset).score(np.zeros(5, int), np.arange(5))
    assert scores.tolist() == [1, 3, 0, 1, 0]


@pytest.mark.parametrize("neighbours", [1, 3, ITEMS - 1, 100, 10**20])
def test_item_knn_sums_the_cosines_of_neighbours(dataset, neighbours):
    pytest.importorskip("implicit")
    matrix = dataset.train_matrix.toarray()
    with np.errstate(invalid="ignore"):
        similar = np.nan_to_num(1 - squareform(pdist(matrix.T, "cosine"))) * (1 - np.eye(ITEMS))
    expected = np.zeros((USERS, ITEMS))
    for item in range(ITEMS):
        cut = np.sort(similar[item])[::-1][min(neighbours, ITEMS) - 1]
        chosen = similar[item] >= cut
        # With ties at the cut, which of the tied are neighbours is anybody's choice.
        assert chosen.sum() == neighbours or neighbours >= ITEMS - 1 or cut == 0
        expected[:, item] = matrix[:, chosen] @ similar[item, chosen]
    np.testing.assert_allclose(scores_of_all(ItemKNN(neighbours).fit(dataset)), expected, atol=1e-6)


def test_ease_minimises_its_loss(dataset):
    """Column j of B is a ridge regression of item j on the other items: solved here one by one."""
    matrix = dataset.train_matrix.toarray().astype(np.float64)
    expected = np.zeros((ITEMS, ITEMS))
    for item in range(ITEMS):
        others = np.arange(ITEMS) != item
        rest = matrix[:, others]
        ridge = rest.T @ rest + 2.5 * np.eye(ITEMS - 1)
        expected[others, item] = np.linalg.solve(ridge, rest.T @ matrix[:, item])
    np.testing.assert_allclose(scores_of_all(EASE(2.5).fit(dataset)), matrix @ expected, atol=1e-6)


def test_equations_that_have_no_solution_are_told():
    # Two items with the same users, and a penalty that is lost when it is added to their counts.
    dataset = Dataset.from_pairs([0, 0, 1, 1], [0, 1, 0, 1], [], [], np.zeros((0, 1), int))
    with pytest.raises(InputError, match=r"`regularization` must be large enough .* Received: 1e-20"):
        EASE(1e-20).fit(dataset)


def test_scores_do_not_depend_on_the_size_of_blocks(dataset, monkeypatch, generator):
    baseline = EASE(2.5).fit(dataset)
    expected = scores_of_all(baseline)
    monkeypatch.setattr(baseline, "scores_a_block", 2 * ITEMS, raising=False)
    users, items = generator.integers(0, USERS, 300), generator.integers(0, ITEMS, 300)
    np.testing.assert_allclose(baseline.score(users, items), expected[users, items], rtol=1e-6)
