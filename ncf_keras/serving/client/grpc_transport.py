"""The gRPC way to a server, over its own messages (`tensorflow-serving-api`, extra `grpc`).

Those messages carry TensorFlow's own, whose Python classes come with TensorFlow alone: this module imports it,
which takes seconds, while the REST way does not.
"""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from ncf_keras.serving.client.transport import Target, ask_patiently
from ncf_keras.serving.client.values import ServingError, unreadable

PORT = 8500
REFUSED = ("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE")
PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN")
# Messages of any size, as the server takes and sends them; tries are counted here, not by gRPC; a server that
# is back is found at once rather than after gRPC's own waits of a second and more.
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class GrpcTransport:
    """A model over gRPC; see `Transport`."""

    def __init__(self, target: Target) -> None:
        host = target.address.hostname or ""
        name = f"[{host}]" if ":" in host else host
        place = f"{name}:{target.address.port or PORT}"
        if target.address.scheme == "grpcs":
            self._channel = grpc.secure_channel(place, grpc.ssl_channel_credentials(), OPTIONS)
        else:
            self._channel = grpc.insecure_channel(place, OPTIONS)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._target = target
        self._metadata = tuple((name.lower(), value) for name, value in target.headers.items())

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Run a signature; see `Transport`."""
        request = PredictRequest()
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            dtype = tf.string if array.dtype == object else array.dtype
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype, array.shape))
        answer = self._ask(self._predictions.Predict, request, f"signature {signature!r}")
        try:
            return {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}
        except (TypeError, ValueError) as error:
            raise ServingError(f"{self._target.shown} must answer tensors. Received: {error}") from None

    def status(self) -> Mapping[str, Any]:
        """Return the versions of the model; see `Transport`."""
        return _as_json(self._ask(self._models.GetModelStatus, GetModelStatusRequest(), "status"))

    def metadata(self) -> Mapping[str, Any]:
        """Return the signatures of the model; see `Transport`."""
        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        answer = self._ask(self._predictions.GetModelMetadata, request, "metadata")
        if not answer.metadata["signature_def"].Is(SignatureDefMap.DESCRIPTOR):
            raise unreadable("the signatures of a model", str(answer))
        return _as_json(answer)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _ask(self, method: Callable, request: Any, asked: str) -> Any:
        target = self._target
        request.model_spec.name = target.model
        if target.version is not None:
            request.model_spec.version.value = target.version
        elif target.label is not None:
            request.model_spec.version_label = target.label

        def ask(seconds: float) -> Any:
            try:
                return method(request, timeout=seconds, metadata=self._metadata)
            except grpc.RpcError as error:
                code = error.code().name
                received = f"{code}, {' '.join((error.details() or 'no reason').split())}"
            raise target.failure("gRPC", asked, received, code in PASSING, code in REFUSED)

        return ask_patiently(ask, target.patience)


def _as_json(answer: Any) -> dict[str, Any]:
    """Return a message as the server's REST port would answer it."""
    return MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
