"""Requests that a server runs before it takes real ones, so that nobody waits for what happens on first use.

A TFRecord file of `tensorflow.serving.PredictionLog` in `assets.extra/`; the server replays it after loading.
The few fields needed of that message are encoded here by hand, because the package that has it,
tensorflow-serving-api, is wanted only by those who ask a server through gRPC. Field numbers are those of
`tensorflow_serving/apis/prediction_log.proto`, `predict.proto` and `model.proto`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ncf_keras.data import Dataset
from ncf_keras.recommending.blocks import NO_ITEM
from ncf_keras.serving.signatures import DEFAULT_K, Signature

FILE = "assets.extra/tf_serving_warmup_requests"
LENGTH_DELIMITED = 2
# What a request asks for in numbers.
NUMBERS = {"k": DEFAULT_K, "max_per": 2, "popularity_penalty": 0.1}
# What asks for somebody in texts; all others are columns of features.
IDS = ("user_id", "item_id", "history", "session")


def write_warm_up(
    directory: Path, model_name: str, signatures: Mapping[str, Signature], dataset: Dataset | None
) -> None:
    """Write one request for each signature, and for the default one.

    Args:
        directory: of the export.
        model_name: what the server calls the model.
        signatures: by name; their inputs are filled with the first active user and item and `DEFAULT_K`.
        dataset: where raw ids are taken from, and who is active; None where no signature takes an id.
    """
    path = directory / FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as records:
        for name, signature in {"serving_default": signatures["score"], **signatures}.items():
            inputs = {spec.name: _first(spec, dataset) for spec in signature.inputs}
            records.write(_prediction_log(model_name, name, inputs))


def _first(spec: tf.TensorSpec, dataset: Dataset | None) -> tf.Tensor:
    # With a dimension for rows throughout: servers that batch take no scalar.
    if spec.name in NUMBERS:
        return tf.constant([NUMBERS[spec.name]])
    if spec.name in ("only_items", "not_items"):
        return tf.constant([[""]] if spec.dtype == tf.string else [[NO_ITEM]])
    shape = [1] * spec.shape.rank
    if spec.dtype == tf.string and spec.name not in IDS:
        # A column of features, whose value is missing.
        return tf.constant([""])
    if dataset is None:
        return tf.zeros(shape, spec.dtype)
    of_user = spec.name.startswith(("user", "history"))
    ids, active = (
        (dataset.user_ids, dataset.active_users) if of_user else (dataset.item_ids, dataset.active_items)
    )
    first = np.flatnonzero(active)[:1].tolist()
    values = [(ids or ())[index] for index in first] if spec.dtype == tf.string else first
    return tf.reshape(tf.constant(values, spec.dtype), shape)


def _prediction_log(model_name: str, signature_name: str, inputs: Mapping[str, tf.Tensor]) -> bytes:
    """Return a serialized PredictionLog: predict_log = 6 of PredictLog: request = 1 of PredictRequest."""
    # ModelSpec: name = 1, signature_name = 3. PredictRequest: model_spec = 1, inputs = 2, a map.
    request = _field(1, _field(1, model_name.encode()) + _field(3, signature_name.encode()))
    for name, tensor in inputs.items():
        value = tf.make_tensor_proto(tensor).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, value))
    return _field(6, _field(1, request))


def _field(number: int, value: bytes) -> bytes:
    """Return a field of bytes, text or a message in the wire format of protocol buffers."""
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
