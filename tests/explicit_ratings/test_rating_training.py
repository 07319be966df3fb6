import numpy as np
import pytest
from explicit_ratings.errors import root_mean_squared_error
from explicit_ratings.ratings import Ratings, split_ratings
from explicit_ratings.training import predict_ratings, train_on_ratings

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_feedforward_embed

USERS, ITEMS = 60, 40


@pytest.fixture(scope="module")
def parts():
    """What two tastes rate: 4.5 for their own half of the items, 1.5 for the other."""
    users, items = np.nonzero(np.random.default_rng(7).random((USERS, ITEMS)) < 0.7)
    values = np.where((users % 2) == (items % 2), 4.5, 1.5).astype(np.float32)
    ratings = Ratings(USERS, ITEMS, users.astype(np.int32), items.astype(np.int32), values)
    train, rest = split_ratings(ratings, 0.3, 1)
    return train, *split_ratings(rest, 0.5, 1)


def build(seed=1):
    return build_feedforward_embed(USERS, ITEMS, 8, (16, 8), 1.0, 5.0, seed=seed)


@pytest.mark.slow
def test_learns_what_each_taste_likes_and_keeps_the_weights_of_the_best_epoch(parts):
    train, validation, test = parts
    model, epochs = build(), []
    # A rate this large makes later epochs worse.
    rate = {"learning_rate": 0.05, "batch_size": 64}
    best = train_on_ratings(model, train, validation, **rate, epochs=40, patience=2, on_epoch=epochs.append)
    assert best.rmse == min(epoch.rmse for epoch in epochs)
    assert [epoch.number for epoch in epochs] == list(range(len(epochs)))
    assert epochs[-1].number == best.number + 2 < 39
    predicted = predict_ratings(model, validation.users, validation.items)
    assert root_mean_squared_error(predicted, validation.values) == pytest.approx(best.rmse, rel=1e-6)
    predicted = predict_ratings(model, test.users, test.items)
    assert predicted.dtype == np.float32 and predicted.shape == (len(test),)
    assert root_mean_squared_error(predicted, test.values) < 0.5 < test.values.std()


def test_the_loss_is_the_mean_squared_error_and_the_seed_decides_the_order(parts):
    train, validation, _ = parts
    model = build()
    untrained = predict_ratings(model, train.users, train.items)
    rate = {"learner": "sgd", "learning_rate": 1e-12, "batch_size": len(train)}
    best = train_on_ratings(model, train, validation, **rate, epochs=1)
    assert best.loss == pytest.approx(root_mean_squared_error(untrained, train.values) ** 2, rel=1e-5)
    options = {"learner": "sgd", "batch_size": 512, "epochs": 1}
    first, other = (train_on_ratings(build(), *parts[:2], **options, seed=seed).loss for seed in (1, 2))
    assert first != other


def test_no_epochs_and_a_training_that_diverges_leave_the_model_as_it_is(parts):
    model, epochs = build(), []
    before = model.get_weights()
    assert train_on_ratings(model, *parts[:2], epochs=0) is None
    with pytest.raises(InputError, match="`learner` must be one of"):
        train_on_ratings(model, *parts[:2], learner="lion")
    with pytest.raises(InputError, match=r"`--lr`.* must be smaller: .* after epoch 0\. Received: 1e\+30"):
        rate = {"learner": "sgd", "learning_rate": 1e300}
        train_on_ratings(model, *parts[:2], **rate, epochs=2, on_epoch=epochs.append)
    assert epochs == []
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))


def test_a_later_divergence_leaves_the_best_epoch_before_it(parts):
    train, validation, _ = parts
    model, kept = build(), []

    def spoil_the_second(epoch):
        kept.append((epoch.rmse, model.get_weights()))
        if epoch.number == 1:
            model.set_weights([np.full_like(weights, np.nan) for weights in kept[-1][1]])

    with pytest.raises(InputError, match=r"after epoch 2\. Received: 0\.001"):
        train_on_ratings(model, train, validation, epochs=5, patience=5, on_epoch=spoil_the_second)
    assert len(kept) == 2
    _, best = min(kept, key=lambda pair: pair[0])
    assert all((one == other).all() for one, other in zip(best, model.get_weights(), strict=True))
