import numpy as np
import pytest
from explicit_ratings.predictors import BiasedMF, GlobalMean
from explicit_ratings.ratings import Ratings, split_ratings

from ncf_keras.base.errors import InputError

USERS, ITEMS = 25, 18


@pytest.fixture
def ratings(generator):
    """Ratings with biases and two factors; user 24 and item 17 have none, and one pair comes twice."""
    truth = 3 + generator.normal(0, 0.5, (USERS, 1)) + generator.normal(0, 0.5, ITEMS)
    truth += generator.normal(0, 0.7, (USERS, 2)) @ generator.normal(0, 0.7, (2, ITEMS))
    users, items = np.nonzero(generator.random((USERS - 1, ITEMS - 1)) < 0.6)
    users, items = np.append(users, users[0]), np.append(items, items[0])
    values = truth[users, items] + generator.normal(0, 0.1, len(users))
    return Ratings(USERS, ITEMS, users.astype(np.int32), items.astype(np.int32), values.astype(np.float32))


def test_the_global_mean_is_the_mean(ratings):
    predicted = GlobalMean().fit(ratings).predict(np.zeros(3, int), np.arange(3))
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, [np.mean(np.float64(ratings.values))] * 3, rtol=1e-6)


def test_biased_mf_ends_at_a_minimum_of_the_loss_of_its_docstring(ratings):
    """The gradient of the whole loss, written out with loops, is zero."""
    model = BiasedMF(2, 0.05, sweeps=600).fit(ratings)
    users, items, mean = model._users, model._items, np.mean(np.float64(ratings.values))
    slopes = np.zeros_like(users), np.zeros_like(items)
    for user, item, value in zip(ratings.users, ratings.items, np.float64(ratings.values), strict=True):
        error = mean + users[user, 2] + items[item, 2] + users[user, :2] @ items[item, :2] - value
        slopes[0][user] += error * np.append(items[item, :2], 1) + 0.05 * users[user]
        slopes[1][item] += error * np.append(users[user, :2], 1) + 0.05 * items[item]
    for slope in slopes:
        np.testing.assert_allclose(slope, 0, atol=1e-6)
    assert np.abs(users).max() > 0.3


def test_predictions_are_the_mean_the_biases_and_the_product_of_who_has_ratings(ratings):
    model = BiasedMF(2, 0.05).fit(ratings)
    user, item, mean = model._users[3], model._items[5], np.mean(np.float64(ratings.values))
    predicted = model.predict(np.array([3, 24, 3, 24]), np.array([5, 5, 17, 17]))
    expected = [mean + user[2] + item[2] + user[:2] @ item[:2], mean + item[2], mean + user[2], mean]
    assert predicted.dtype == np.float32 and predicted == pytest.approx(expected, rel=1e-6)


def test_predictions_keep_to_the_range_that_was_seen_and_beat_the_mean_on_what_was_held_out(ratings):
    train, test = split_ratings(ratings, 0.5, 1)
    predicted = BiasedMF(2, 1e-6).fit(train).predict(*np.divmod(np.arange(USERS * ITEMS), ITEMS))
    assert predicted.min() == train.values.min() and predicted.max() == train.values.max()
    train, test = split_ratings(ratings, 0.2, 1)

    def error(model):
        return np.sqrt(np.mean((model.fit(train).predict(test.users, test.items) - test.values) ** 2))

    assert error(BiasedMF(2, 0.05)) < 0.7 * error(GlobalMean())


@pytest.mark.parametrize(("change", "message"), [
    ({"factors": 0}, "`factors` must be a whole number of at least 1. Received: 0"),
    ({"regularization": "x"}, "`regularization` must be a finite number above 0. Received: 'x'"),
    ({"sweeps": 1.5}, "`sweeps` must be a whole number of at least 1. Received: 1.5"),
    ({"seed": -1}, "`seed` must be a whole number of at least 0. Received: -1"),
])  # fmt: skip
def test_a_hyperparameter_that_breaks_its_rule_is_named(change, message):
    with pytest.raises(InputError, match=message):
        BiasedMF(**change)
