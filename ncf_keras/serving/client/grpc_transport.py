"""The gRPC way to a server, over its own messages (`tensorflow-serving-api`, extra `grpc`).

Those messages carry TensorFlow's own, whose Python classes come with TensorFlow alone: this way imports it,
which takes seconds, while the REST way does not.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.address import GRPC_PORT, ServedModel, public_address
from ncf_keras.serving.client.answers import Signature, Tensor, VersionStatus
from ncf_keras.serving.client.errors import ServingError, TryAgain
from ncf_keras.serving.client.patience import Patience, ask_patiently

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
    """A model over gRPC. Threads may share it, as they may a gRPC channel."""

    def __init__(
        self, address: SplitResult, model: ServedModel, patience: Patience, headers: Mapping[str, str]
    ) -> None:
        """Make the way; no connection is opened yet.

        Args:
            address: as `split_address` returns it. `grpcs` encrypts and checks the server's certificate.
            model: whom to ask.
            patience: when to give up.
            headers: sent with each request as gRPC metadata, for a gateway before the server.

        Raises:
            InputError: `tensorflow-serving-api` is not installed.
        """
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError:
            raise InputError(
                "the client must have tensorflow-serving-api for gRPC: pip install 'ncf-keras[grpc]'"
            ) from None
        host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
        target = f"{host}:{address.port or GRPC_PORT}"
        if address.scheme == "grpcs":
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), OPTIONS)
        else:
            self._channel = grpc.insecure_channel(target, OPTIONS)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._grpc = grpc
        self._shown = public_address(address)
        self._model = model
        self._patience = patience
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: tuple[str, ...]
    ) -> dict[str, Any]:
        """Run a signature; see `Transport`."""
        import tensorflow as tf
        from tensorflow_serving.apis.predict_pb2 import PredictRequest

        request = PredictRequest()
        self._name(request.model_spec)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            dtype = tf.string if array.dtype == object else array.dtype
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype, array.shape))
        answer = self._ask(self._predictions.Predict, request, f"signature {signature!r}")
        try:
            return {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}
        except (TypeError, ValueError) as error:
            raise ServingError(f"{self._shown} must answer tensors. Received: {error}") from None

    def status(self) -> list[VersionStatus]:
        """Return the versions of the model; see `Transport`."""
        from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus

        request = GetModelStatusRequest()
        self._name(request.model_spec)
        answer = self._ask(self._models.GetModelStatus, request, "status")
        return [
            VersionStatus(one.version, ModelVersionStatus.State.Name(one.state), one.status.error_message)
            for one in answer.model_version_status
        ]

    def signatures(self) -> dict[str, Signature]:
        """Return the signatures of the model; see `Transport`."""
        from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap

        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        self._name(request.model_spec)
        answer = self._ask(self._predictions.GetModelMetadata, request, "metadata")
        found = SignatureDefMap()
        if not answer.metadata["signature_def"].Unpack(found):
            raise ServingError(f"{self._shown} must answer the signatures of a model. Received: something else")
        return {
            name: Signature(_tensors(one.inputs), _tensors(one.outputs))
            for name, one in found.signature_def.items()
            if not name.startswith("__")
        }

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _name(self, spec: Any) -> None:
        spec.name = self._model.name
        if self._model.version is not None:
            spec.version.value = self._model.version
        elif self._model.label is not None:
            spec.version_label = self._model.label

    def _ask(self, method: Callable, request: Any, asked: str) -> Any:
        return ask_patiently(lambda seconds: self._try(method, request, asked, seconds), self._patience)

    def _try(self, method: Callable, request: Any, asked: str, seconds: float) -> Any:
        try:
            return method(request, timeout=seconds, metadata=self._metadata)
        except self._grpc.RpcError as error:
            code = error.code().name
            received = f"{code}, {' '.join((error.details() or 'no reason').split())}"
        if code in PASSING:
            raise TryAgain(f"{self._shown} must answer. Received: {received}")
        if code in REFUSED:
            raise InputError(
                f"what is asked of {self._shown} must be what it serves. Asked: model {self._model}, {asked}. "
                f"Received: {received}"
            )
        raise ServingError(
            f"{self._shown} must be the gRPC port of TensorFlow Serving and let this client ask. Received: "
            f"{received}"
        )


def _tensors(described: Mapping[str, Any]) -> dict[str, Tensor]:
    import tensorflow as tf

    return {
        name: Tensor(
            tf.dtypes.as_dtype(one.dtype).name,
            None if one.tensor_shape.unknown_rank else tuple(size.size for size in one.tensor_shape.dim),
        )
        for name, one in described.items()
    }
