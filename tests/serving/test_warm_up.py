"""The warm-up file: read by the real message classes where they are installed, replayed on the loaded model."""

import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.serving.warm_up import FILE
from tests.serving.small_exports import ITEM_IDS, USER_IDS


@pytest.fixture(scope="module")
def logs(exported):
    prediction_log = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    # Reading them checks the CRC of each record.
    records = tf.data.TFRecordDataset(str(exported / FILE)).as_numpy_iterator()
    return [prediction_log.PredictionLog.FromString(record) for record in records]


def test_a_request_for_every_signature(logs, loaded):
    requests = [log.predict_log.request for log in logs]
    assert all(log.WhichOneof("log_type") == "predict_log" for log in logs)
    asked = [request.model_spec.signature_name for request in requests]
    signatures = [name for name in loaded.signatures if not name.startswith("__")]
    assert sorted(asked) == sorted(signatures)
    assert {request.model_spec.name for request in requests} == {"ncf"}
    for log in logs:  # nothing is unknown to the real messages
        known = type(log).FromString(log.SerializeToString())
        known.DiscardUnknownFields()
        assert known.ByteSize() == log.ByteSize()


def test_replayed_on_the_loaded_model_each_has_an_answer(logs, loaded):
    for log in logs:
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        assert all(len(array) == 1 for array in inputs.values()), "servers that batch take no scalar"
        answer = loaded.run(request.model_spec.signature_name, **inputs)
        assert answer.get("known", np.array([True])).tolist() == [True]
        if "scores" in answer:
            assert answer["scores"].shape == (1, 10)
        else:
            assert np.isfinite(answer["prediction"]).all()
        texts = {name: array for name, array in inputs.items() if array.dtype == object}
        for name, ids in (("user_id", USER_IDS), ("item_id", ITEM_IDS), ("history", USER_IDS)):
            if name in texts:
                assert texts[name].ravel()[0].decode() == ids[0]
