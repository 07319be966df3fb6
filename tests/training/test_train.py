"""`ncf_keras.train`: the run commands' training as one call."""

import numpy as np
import pytest

import ncf_keras
from ncf_keras import InputError, train
from ncf_keras.data import Dataset, split_validation
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import build_gmf, model_scores
from tests.cli.running import run

NUM_USERS, NUM_ITEMS = 20, 30


@pytest.fixture(scope="module")
def dataset():
    generator = np.random.default_rng(5)
    train_pairs, test_items, negatives = [], [], []
    for user in range(NUM_USERS):
        items = generator.permutation(NUM_ITEMS)
        train_pairs += [(user, item) for item in items[:6]]
        test_items.append(items[6])
        negatives.append(items[7:27])
    users, items = np.array(train_pairs).T
    return Dataset.from_pairs(users, items, np.arange(NUM_USERS), test_items, negatives, name="small")


@pytest.mark.parametrize(
    "model",
    [pytest.param("GMF", marks=pytest.mark.slow), pytest.param("MLP", marks=pytest.mark.slow), "NeuMF"],
)
def test_it_prints_what_the_run_command_prints(model, capsys):
    result = train(ncf_keras.data.sample_dataset(), model, epochs=2, seed=1, on_iteration=print)
    lines = [line.split(": ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    command = run(model, "--dataset", "sample", "--epochs", 2, "--seed", 1, "--out", 0)
    assert [line.rsplit(" [", 1)[0] for line in lines] == [
        line.split(": ", 1)[1].rsplit(" [", 1)[0] for line in command.lines if line.startswith("Iteration")
    ]
    assert command.end() == (result.best.number, round(result.best.hr, 4), round(result.best.ndcg, 4))


def test_the_model_has_the_weights_of_the_best_iteration(dataset):
    result = train(dataset, "GMF", epochs=25, learning_rate=0.05, batch_size=16, seed=3)
    assert result.best.number < 24, "the last iteration must not be the best for this test to tell anything"
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    again = protocol.evaluate(model_scores(result.model))
    assert (again.hr, again.ndcg) == (result.best.hr, result.best.ndcg) == (result.test.hr, result.test.ndcg)
    assert result.best.hr == max(result.history.hr)
    assert list(result.history.number) == list(range(25))


def test_validation_pairs_pick_the_best_and_are_not_trained_on(dataset):
    seen = []
    result = train(
        dataset,
        "GMF",
        epochs=6,
        learning_rate=0.05,
        batch_size=16,
        select="validation",
        on_iteration=seen.append,
    )
    part = split_validation(dataset)
    assert part.num_train == dataset.num_train - NUM_USERS
    # Training on that part alone, picked by its own test pairs, is the same run.
    same = train(part, "GMF", epochs=6, learning_rate=0.05, batch_size=16)
    assert [one.hr for one in seen] == [one.hr for one in same.iterations]
    for mine, theirs in zip(result.model.get_weights(), same.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    np.testing.assert_array_equal(result.test.hits, protocol.evaluate(model_scores(result.model)).hits)


def test_a_model_of_ones_own_is_trained_in_place(dataset):
    model = build_gmf(NUM_USERS, NUM_ITEMS, 4, (0.01, 0.01), seed=1)
    before = model.get_weights()
    result = train(dataset, model, epochs=3, patience=1)
    assert result.model is model
    assert any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True)) or (
        result.best.number == -1
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "SVD"}, "`model` must be one of GMF, MLP, NeuMF or a Keras model. Received: 'SVD'"),
        ({"select": "train"}, "`select` must be one of test, validation. Received: 'train'"),
        ({"engine": "jax"}, "`engine` must be one of compiled, keras. Received: 'jax'"),
        ({"learner": "adamw"}, "`learner` must be one of adagrad, adam, rmsprop, sgd. Received: 'adamw'"),
        ({"epochs": -1}, "`epochs` must be a whole number of at least 0. Received: -1"),
        ({"batch_size": 0}, "`batch_size` must be a whole number of at least 1. Received: 0"),
        ({"top_k": 0}, "`top_k` must be a whole number of at least 1. Received: 0"),
        ({"patience": 1.5}, "`patience` must be a whole number of at least 1. Received: 1.5"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be a number above 0. Received: nan"),
        ({"learning_rate": "fast"}, "`learning_rate` must be a number above 0. Received: 'fast'"),
    ],
)
def test_a_mistake_is_one_sentence(dataset, options, sentence):
    with pytest.raises(InputError) as error:
        train(dataset, **options)
    assert str(error.value) == sentence


def test_the_package_answers_for_its_names_without_loading_tensorflow_for_the_others():
    assert set(ncf_keras.__all__) <= set(dir(ncf_keras))
    with pytest.raises(AttributeError, match="has no attribute 'fit'"):
        ncf_keras.fit  # noqa: B018
