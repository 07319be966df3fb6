"""What float32, tf32 and bfloat16 change in training, and that they change nothing else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ncf_keras import Trainer, TrainingSpec
from ncf_keras.data import Dataset
from ncf_keras.models import build_neumf, model_scores
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine, KerasEngine
from ncf_keras.training.precision import computing_in
from ncf_keras.weights import load_model, save_weights
from tests.training.one_worker import record_losses, spread_weights

tf32_is_on = tf.config.experimental.tensor_float_32_execution_enabled
pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    users, items = np.divmod(np.random.default_rng(3).permutation(600)[:150], 20)
    test = np.arange(5)
    return Dataset.from_pairs(users, items, test, test, test[:, None], num_users=30, num_items=20)


def new_model() -> keras.Model:
    model = build_neumf(30, 20, 4, (16, 8), (0, 0), seed=2)
    spread_weights(model)
    return model


def rounded(array):
    """Round to bfloat16, the upper half of a float32, to even: by its bits."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


def test_products_are_of_bfloat16_and_the_output_is_not():
    """Every factor is rounded to 8 bits, so weights that are rounded before give the same; of the output layer
    alone they do not. In which order a processor sums, and when it rounds the sum, is its own affair."""
    users, items = np.indices((30, 20), dtype=np.int32).reshape(2, -1, 1)

    def predict(precision, *to_round):
        model = new_model()
        for weight in model.weights:
            if weight.path.startswith(to_round):
                weight.assign(rounded(weight.numpy()))
        with computing_in(model, precision):
            predictions = model([users, items], training=True)
        assert predictions.dtype == tf.float32
        return predictions.numpy()

    exact, found = predict("float32"), predict("bfloat16")
    hidden = ("mf_embedding", "mlp_embedding", "layer1")
    np.testing.assert_array_equal(found, predict("bfloat16", *hidden))
    assert np.mean(found != predict("bfloat16", "prediction")) > 0.9
    change = np.abs(found - exact).mean()
    assert 1e-5 < change < 1e-2
    # All that is left is the rounding of results.
    assert change < 4 * np.abs(predict("float32", *hidden) - exact).mean()


@pytest.mark.slow
def test_both_engines_and_steps_train_in_bfloat16_near_float32(dataset, monkeypatch):
    sampler, losses, ends = NegativeSampler(dataset, 4, seed=5), {}, {}
    for precision in ("float32", "tf32", "bfloat16"):
        for step in ("deferred", "dense"):
            model = new_model()
            engine = CompiledEngine(model, sampler, "adam", 0.01, 32, precision=precision, step=step)
            losses[precision, step] = record_losses(engine)
            ends[precision, step] = model.get_layer("layer1").kernel.numpy()
            assert {weight.dtype for weight in model.weights} == {"float32"}
            assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    np.testing.assert_array_equal(losses["tf32", "deferred"], losses["float32", "deferred"])
    assert len(losses["bfloat16", "deferred"]) == 24
    for step in ("deferred", "dense"):
        difference = np.abs(losses["bfloat16", step] - losses["float32", step])
        assert 1e-5 < difference.max() < 0.01
    model = new_model()
    KerasEngine(model, sampler, "adam", 0.01, 32, precision="bfloat16").train_epoch()
    end = model.get_layer("layer1").kernel.numpy()
    np.testing.assert_allclose(end, ends["bfloat16", "dense"], atol=0.01)
    assert np.abs(end - ends["float32", "dense"]).max() > 1e-3
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}


def test_what_is_evaluated_and_saved_is_a_float32_model(dataset, tmp_path):
    model = new_model()
    spec = TrainingSpec(epochs=1, batch_size=32, select="test", precision="bfloat16")
    Trainer(model, dataset, spec).fit()
    users, items = np.arange(20), np.arange(20)
    pairs = [users[:, None], items[:, None]]
    expected = model.predict(pairs, verbose=0)[:, 0]
    np.testing.assert_allclose(model_scores(model)(users, items), expected, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    save_weights(model, tmp_path / "model.weights.h5", "weights")
    whole = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for again in (whole, load_model(tmp_path / "model.weights.h5")):
        assert {layer.dtype_policy.name for layer in again.layers} == {"float32"}
        for one, other in zip(again.get_weights(), model.get_weights(), strict=True):
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(again.predict(pairs, verbose=0)[:, 0], expected)


class Spy(keras.layers.Layer):
    """Writes down whether TF32 is on when it is traced or run, and whether for training."""

    def call(self, inputs, training=None):
        self.heard.append((training, tf32_is_on()))
        return inputs


@pytest.mark.parametrize(("engine", "before"), [("compiled", True), ("keras", True), ("keras", False)])
def test_tf32_is_on_in_training_alone_and_only_if_asked_for(dataset, engine, before):
    users, items = (keras.Input((1,), dtype="int32", name=f"{side}_input") for side in ("user", "item"))
    latent = [keras.layers.Embedding(count, 2)(ids) for count, ids in ((30, users), (20, items))]
    spy = Spy()
    spy.heard = []
    product = spy(keras.layers.Flatten()(keras.layers.Multiply()(latent)))
    model = keras.Model([users, items], keras.layers.Dense(1, activation="sigmoid")(product))
    tf.config.experimental.enable_tensor_float_32_execution(before)
    try:
        for precision in ("float32", "tf32"):
            spy.heard = []
            spec = TrainingSpec(epochs=1, batch_size=64, select="test", engine=engine, precision=precision)
            Trainer(model, dataset, spec).fit()
            assert set(spy.heard) == {(True, precision == "tf32"), (False, False)}
            assert tf32_is_on() == before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)
