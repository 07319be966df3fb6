"""New items asked for over the server's protocols as they are: the client has no question for them."""

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from ncf_keras.recommending import Recommender
from tests.serving.client.stub import SavedModel, running
from tests.serving.small_exports import USER_IDS

HISTORIES, ASKED = [["用户", "🙂"], ["nobody", ""], ["🙂", ""]], [USER_IDS[0], USER_IDS[1], USER_IDS[2]]


@pytest.fixture(scope="module")
def server(exported):
    with running({"ncf": {1: SavedModel(exported)}}) as stub:
        yield stub


def by_rest(server, body):
    url = f"{server.rest}/v1/models/ncf:predict"
    with requests.post(url, json={"signature_name": "new_item_by_id"} | body, timeout=60) as answer:
        return answer.json()


def columns(server):
    return by_rest(server, {"inputs": {"history": HISTORIES, "user_id": ASKED}})["outputs"]


def rows(server):
    pairs = zip(HISTORIES, ASKED, strict=True)
    found = by_rest(server, {"instances": [{"history": history, "user_id": user} for history, user in pairs]})
    return {name: [row[name] for row in found["predictions"]] for name in found["predictions"][0]}


def messages(server):
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "ncf", "new_item_by_id"
    request.inputs["history"].CopyFrom(tf.make_tensor_proto(HISTORIES))
    request.inputs["user_id"].CopyFrom(tf.make_tensor_proto(ASKED))
    with grpc.insecure_channel(server.grpc.removeprefix("grpc://")) as channel:
        outputs = PredictionServiceStub(channel).Predict(request, timeout=60).outputs
    return {name: tf.make_ndarray(one).tolist() for name, one in outputs.items()}


@pytest.mark.parametrize("ask", [columns, rows, messages])
def test_the_answer_is_that_of_python(ask, server, neumf, dataset):
    answer, recommender = ask(server), Recommender(neumf, dataset)
    assert answer["known"] == [True, False, True]
    assert answer["rank"][1] == -1 and np.isnan(answer["prediction"][1])
    for row in (0, 2):
        expected = recommender.place_item([one for one in HISTORIES[row] if one], ASKED[row])
        assert answer["rank"][row] == expected["rank"][0]
        np.testing.assert_allclose(answer["prediction"][row], expected["score"][0], rtol=0, atol=1e-6)
