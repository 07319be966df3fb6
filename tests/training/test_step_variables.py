"""Where the variables of a compiled step lie: on a GPU, XLA refuses a program with variables on two devices.

TensorFlow keeps int32 variables in the host's memory, so on a GPU a single one of them is enough for that.
"""

from functools import partial

import keras
import pytest
import tensorflow as tf

from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.training import LEARNERS
from ncf_keras.training.engines.pairwise_engine import PairDifference
from ncf_keras.training.learners import make_optimizer
from ncf_keras.training.steps.rules import make_rule
from ncf_keras.training.steps.sharded_step import ShardedStep
from ncf_keras.training.steps.steps import DeferredStep, DenseStep, make_step


class StepCounter(keras.layers.Layer):
    """Has an int32 variable, as a user's own layer may."""

    def build(self, input_shape):
        self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)

    def call(self, inputs):
        self.count.assign(self.count + 1)
        return inputs


def with_other_state(penalty=None):
    """A model with a Dropout, whose seed is a variable, a BatchNormalization and a counter."""
    inputs = [keras.Input((1,), dtype="int32", name=name) for name in ("user_input", "item_input")]
    sides = [keras.layers.Embedding(5, 4, embeddings_regularizer=penalty)(one) for one in inputs]
    joined = keras.layers.Dropout(0.5, seed=1)(keras.layers.Flatten()(keras.layers.Concatenate()(sides)))
    joined = StepCounter()(keras.layers.BatchNormalization()(joined))
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(joined))


MODELS = {
    "GMF": partial(build_gmf, 5, 4, 2),
    "MLP": partial(build_mlp, 5, 4, (4, 2), (0, 0)),
    "NeuMF": partial(build_neumf, 5, 4, 2, (4, 2), (0, 0)),
    "NeuMF with penalties": partial(build_neumf, 5, 4, 2, (4, 2), (0.1, 0.1), 0.1),
    "deferred, with other state": with_other_state,
    "dense, with other state": partial(with_other_state, "l2"),
}


def assert_on_one_device(variables, weights):
    assert {variable.dtype for variable in variables}.isdisjoint({tf.int32})
    assert {variable.device for variable in variables} == {weight.value.device for weight in weights}


@pytest.mark.parametrize("name", MODELS)
def test_no_variable_of_a_step_is_kept_on_the_host(name):
    model, kind = MODELS[name](), DenseStep if "penalties" in name or "dense" in name else DeferredStep
    for learner in LEARNERS:
        step = make_step(model, make_rule(learner, 0.01))
        assert isinstance(step, kind)
        assert len(step.variables) > 2
        assert_on_one_device(step.variables, model.trainable_variables)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_nor_is_one_of_a_step_in_shards(batch_size):
    model = build_gmf(5, 4, 2)
    step = ShardedStep(model, make_rule("adam", 0.01), 5, (5, 4), batch_size)
    tables = [value for table in (step.users, step.items) for value in vars(table).values()]
    variables = [one for value in tables for one in (value if isinstance(value, list) else [value])]
    variables = [one for one in [*variables, *step.head] if isinstance(one, tf.Variable)]
    assert len(variables) == (6 if batch_size == 2 else 5) + 6
    assert_on_one_device(variables, model.trainable_variables)


@pytest.mark.parametrize("learner", LEARNERS)
def test_nor_is_one_of_pairwise_training(learner):
    model = PairDifference(build_gmf(5, 4, 2))
    model.compile(make_optimizer(learner, 0.01))
    model.optimizer.build(model.trainable_variables)
    assert_on_one_device([variable.value for variable in model.optimizer.variables], model.trainable_variables)


def test_state_that_a_model_has_as_int32_is_trained_and_given_back():
    model = with_other_state()
    model.layers[-2].count.assign(7)
    step = make_step(model, make_rule("sgd", 0.1))
    ids, ones = [tf.constant([0, 1]), tf.constant([1, 2])], tf.ones([2])
    _, after = step(
        [variable.value() for variable in step.variables], ids, ones, ones, tf.constant(0), tf.fill([2, 1], 0.1)
    )
    for variable, value in zip(step.variables, after, strict=True):
        variable.assign(value)
    step.finish_epoch(1, tf.fill([2, 1], 0.1))
    assert int(model.layers[-2].count.value) == 8
    assert model.layers[-2].count.dtype == "int32"
