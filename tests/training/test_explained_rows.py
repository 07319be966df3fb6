"""After an epoch, features say of rows what a ridge regression of all known rows on them says."""

import numpy as np
import pytest
import scipy.sparse
import sklearn.linear_model

from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_neumf, model_scores
from ncf_keras.models.factored import FactoredModel
from ncf_keras.training import Trainer, TrainingSpec, explained_rows
from ncf_keras.training.explained_rows import can_explain_rows, explain_rows_by_features, ridge

USERS, ITEMS, NEW = 30, 40, 3
FEATURES = (np.random.default_rng(2).random((ITEMS, 6)) < 0.4).astype(np.float32)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """The last items have no interactions."""
    users, items = np.nonzero(np.random.default_rng(1).random((USERS, ITEMS - NEW)) < 0.2)
    return Dataset.from_pairs(users, items, users[:1], items[:1], [[0]], num_users=USERS, num_items=ITEMS)


def neumf(**options):
    return build_neumf(USERS, ITEMS, 4, (16, 8), (0, 0), seed=4, item_features=FEATURES, **options)


def regression(has, rows, weights):
    return sklearn.linear_model.Ridge(alpha=3, fit_intercept=False).fit(has, rows, weights / weights.mean())


@pytest.mark.parametrize("most_products", [explained_rows.MOST_PRODUCTS, 0], ids=["products", "none held"])
def test_the_vectors_of_features_are_those_of_ridge_regression(most_products, monkeypatch):
    monkeypatch.setattr(explained_rows, "MOST_PRODUCTS", most_products)
    generator = np.random.default_rng(3)
    has, rows = (generator.random((50, 8)) < 0.3).astype(float), generator.normal(size=(50, 3))
    weights = generator.uniform(1, 5, 50)
    found = ridge(scipy.sparse.csr_matrix(has), rows, weights)
    np.testing.assert_allclose(found, regression(has, rows, weights).coef_.T, atol=1e-5)


def test_no_prediction_of_a_known_item_changes_and_new_ones_are_what_their_features_say(dataset):
    model = neumf()
    known = np.arange(ITEMS) < ITEMS - NEW
    for table in FactoredModel(model).items:
        table.identity.embeddings.assign(np.where(known[:, None], table.identity.embeddings, 0) * 50)
    users, items = (part.ravel() for part in np.meshgrid(np.arange(USERS), np.arange(ITEMS)))
    before = model_scores(model)(users, items)
    vectors = [table.table().numpy()[known] for table in FactoredModel(model).items]
    explain_rows_by_features(model, dataset)
    after = model_scores(model)(users, items)
    np.testing.assert_allclose(after[known[items]], before[known[items]], atol=1e-6)
    assert np.abs(after - before)[~known[items]].max() > 0.01
    for table, rows in zip(FactoredModel(model).items, vectors, strict=True):
        reference = regression(FEATURES[known], rows, dataset.item_counts[known] ** 0.5)
        np.testing.assert_allclose(
            table.table().numpy()[~known], reference.predict(FEATURES[~known]), atol=1e-5
        )


def test_a_training_leaves_nothing_in_the_identities_that_features_explain(dataset):
    """What is left over of a ridge regression has a weighted product with a feature of 3 times its vector."""
    model = neumf()
    trainer = Trainer(model, dataset, TrainingSpec(epochs=2, batch_size=64, select="none", seed=1))
    trainer.fit()
    state, weights = trainer.engine.state(), np.sqrt(dataset.item_counts[:-NEW, None])
    weights /= weights.mean()
    for table in FactoredModel(model).items:
        identity, features = table.identity.embeddings.numpy(), table.features.embeddings.numpy()
        assert np.abs(features).max() > 1e-3 and not identity[-NEW:].any()
        np.testing.assert_allclose((FEATURES[:-NEW] * weights).T @ identity[:-NEW], 3 * features, atol=1e-5)
        # A checkpoint has them, too: the same run goes on from it.
        assert any(np.array_equal(array, features) for array in state.values())


def test_where_identities_are_left_out_features_learn_to_stand_alone():
    assert can_explain_rows(neumf()) and not can_explain_rows(neumf(identity_dropout=0.5))
    content = build_gmf(USERS, ITEMS, 4, item_features=FEATURES, identity="user", seed=4)
    assert not can_explain_rows(content) and not can_explain_rows(build_gmf(USERS, ITEMS, 4, seed=4))
