"""The gRPC way to a server, over its own messages (`tensorflow-serving-api`, extra `grpc`).

Those messages carry TensorFlow's own, which `messages.py` imports without TensorFlow. Answers are held
against what was asked for before they are read: their bytes, their fields, and the shape of each tensor.
"""

import math
import reprlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import grpc
import numpy as np
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from ncf_keras.serving.client.limits import FRAME_BYTES, NO_LISTS, Bounds
from ncf_keras.serving.client.messages import without_tensorflow
from ncf_keras.serving.client.transport import Question, Target, ascii_host, ask_patiently
from ncf_keras.serving.client.values import ServingError, unreadable

with without_tensorflow():
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow.core.framework.types_pb2 import DT_BOOL, DT_FLOAT, DT_INT32, DT_STRING
    from tensorflow_serving.apis.get_model_metadata_pb2 import (
        GetModelMetadataRequest,
        GetModelMetadataResponse,
        SignatureDefMap,
    )
    from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, GetModelStatusResponse
    from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

PORT = 8500
CLOSING_SECONDS = 0.1
REFUSED = ("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE")
PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN")
PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
# A single text may be of any size; tries are counted here, not by gRPC; a server that is back is found at once
# rather than after gRPC's own waits of a second and more; headers are no longer than in HTTP/1; nothing is
# unpacked, as a few bytes may become any number.
OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_metadata_size", 1 << 14),
    ("grpc.absolute_max_metadata_size", 1 << 16),
    ("grpc.per_message_decompression", 0),
    ("grpc.compression_enabled_algorithms_bitset", 1),
)
# By dtype, the field of a TensorProto that has the values, and their type in NumPy.
FIELDS: Mapping[int, tuple[str, type]] = {
    DT_FLOAT: ("float_val", np.float32),
    DT_INT32: ("int_val", np.int32),
    DT_BOOL: ("bool_val", np.bool_),
    DT_STRING: ("string_val", np.object_),
}
# The fields that have messages in them, on the way from a PredictResponse to its tensors and their shapes:
# outputs, value, tensor_shape, dim.
WAY: Mapping[int, Any] = {1: {2: {2: {2: {}}}}}

Read = TypeVar("Read", bound=Message)


class GrpcTransport:
    """A model over gRPC; see `Transport`."""

    def __init__(self, target: Target) -> None:
        host = ascii_host(target.address)
        name = f"[{host}]" if ":" in host else host
        # Without its scheme, a host by the name of `unix` would be a file.
        self._place = f"dns:///{name}:{target.address.port or PORT}"
        self._target = target
        self._metadata = tuple((name.lower(), value) for name, value in target.headers.items())
        # By the most bytes of an answer, which gRPC takes for a channel and not for a call.
        self._channels: dict[int, grpc.Channel] = {}
        self._lock = threading.Lock()

    def predict(
        self, question: Question, inputs: Mapping[str, np.ndarray], bounds: Bounds
    ) -> dict[str, np.ndarray]:
        """Send one request of a question; see `Transport`."""
        request = PredictRequest()
        request.model_spec.signature_name = question.signature
        for name, array in inputs.items():
            tensor = request.inputs[name]
            tensor.tensor_shape.dim.add(size=len(array))
            if array.dtype == object:
                tensor.dtype = DT_STRING
                tensor.string_val.extend(array)
            else:
                tensor.dtype = DT_INT32
                tensor.tensor_content = array.tobytes()
        body = self._ask(PREDICT, request, f"signature {question.signature!r}", bounds, question)
        refuse_more(body, bounds)
        answer = _read(PredictResponse, body, "tensors")
        if self._target.version is None and answer.model_spec.HasField("version"):
            version = answer.model_spec.version.value
            if question.version not in (None, version):
                raise self._target.version_gone(question.version, f"version {version}")
            question.version = version
        return {name: _array(tensor) for name, tensor in answer.outputs.items()}

    def status(self) -> Mapping[str, Any]:
        """Return the versions of the model; see `Transport`."""
        body = self._ask(STATUS, GetModelStatusRequest(), "status")
        return _as_json(_read(GetModelStatusResponse, body, "the status of a model"))

    def metadata(self) -> Mapping[str, Any]:
        """Return the signatures of the model; see `Transport`."""
        what = "the signatures of a model"
        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        answer = _read(GetModelMetadataResponse, self._ask(METADATA, request, "metadata"), what)
        packed = answer.metadata["signature_def"]
        if not packed.Is(SignatureDefMap.DESCRIPTOR):
            raise unreadable(what, packed.type_url)
        return {"metadata": {"signature_def": _as_json(_read(SignatureDefMap, packed.value, what))}}

    def close(self) -> None:
        """Close the channels, and wait no longer than a moment for one that a server keeps busy."""
        with self._lock:
            closing = [threading.Thread(target=one.close, daemon=True) for one in self._channels.values()]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(CLOSING_SECONDS)

    def _ask(
        self,
        method: str,
        request: Any,
        what: str,
        bounds: Bounds = NO_LISTS,
        question: Question | None = None,
    ) -> bytes:
        target, pinned = self._target, question.version if question else None
        request.model_spec.name = target.model
        if target.version is not None or pinned is not None:
            request.model_spec.version.value = target.version if pinned is None else pinned
        elif target.label is not None:
            request.model_spec.version_label = target.label
        call = self._channel(bounds.size).unary_unary(method, type(request).SerializeToString)

        def ask(seconds: float) -> bytes:
            pending = call.future(request, timeout=seconds, metadata=self._metadata)
            try:
                # gRPC's own time-out comes late, or never, where a server floods it.
                body = pending.result(seconds)
            except grpc.RpcError as error:
                code, words = error.code().name, error.details() or "no reason"
            except grpc.FutureTimeoutError:
                pending.cancel()
                code, words = "DEADLINE_EXCEEDED", "no whole answer in time"
            else:
                if body is None:
                    raise unreadable("a message", b"")
                if len(body) > bounds.size:
                    raise target.too_long(bounds)
                return body
            received = f"{code}, {words}"
            if pinned is not None and code == "NOT_FOUND":
                raise target.version_gone(pinned, received)
            raise target.failure("gRPC", what, received, code in PASSING, code in REFUSED)

        return ask_patiently(ask, target.patience, asked=question.asked if question else None)

    def _channel(self, size: int) -> grpc.Channel:
        """Return a channel for answers of at least that many bytes; there are five sorts at most."""
        most = 4 * FRAME_BYTES
        while most < size:
            most *= 4
        with self._lock:
            if most not in self._channels:
                options = (*OPTIONS, ("grpc.max_receive_message_length", most))
                if self._target.address.scheme == "grpcs":
                    channel = grpc.secure_channel(self._place, grpc.ssl_channel_credentials(), options)
                else:
                    channel = grpc.insecure_channel(self._place, options)
                self._channels[most] = channel
            return self._channels[most]


def refuse_more(body: bytes, bounds: Bounds) -> None:
    """Raise ServingError if a PredictResponse has more fields than were asked for.

    Read, a field of two bytes takes up to 180. The numbers of a tensor are packed into one field.
    """
    if len(body) <= FRAME_BYTES:
        return
    left = bounds.strings
    messages = [(memoryview(body), WAY)]
    try:
        while messages:
            message, within = messages.pop()
            for number, value in _fields(message):
                left -= 1
                if left < 0:
                    rule = f"the server must answer at most {bounds.strings:,} texts, by what was asked"
                    raise ServingError(f"{rule}. Received: more")
                if number in within:
                    messages.append((value, within[number]))
    except (IndexError, ValueError):
        raise unreadable("tensors", body) from None


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and the bytes of each field of a message in protocol buffers' wire format."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    while at < len(message):
        number, kind = divmod(varint(), 8)
        begin = at
        if kind == 0:
            varint()
        elif kind == 2:
            size = varint()
            begin, at = at, at + size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError("groups, which none of these messages has")
        yield number, message[begin:at]


def _read(kind: type[Read], body: bytes, what: str) -> Read:
    try:
        return kind.FromString(body)
    except DecodeError:
        raise unreadable(what, body) from None


def _array(tensor: TensorProto) -> np.ndarray:
    """Return a tensor as an array; raise ServingError if it has not as many values as its shape says.

    TensorFlow would repeat the last value of a tensor with fewer, so that a few bytes may become any number.
    """
    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    field, dtype = FIELDS.get(tensor.dtype, ("", np.object_))
    values = getattr(tensor, field, ())
    content = np.frombuffer(tensor.tensor_content, np.uint8)
    if len(content) and dtype is not np.object_ and len(content) % np.dtype(dtype).itemsize == 0:
        values = content.view(dtype)
    if (
        field
        and all(0 <= size < 2**31 for size in sizes)
        and math.prod(sizes) == len(values)
        and len(sizes) <= 2
    ):
        texts = dtype is np.object_
        array: np.ndarray = np.fromiter(values, dtype, len(values)) if texts else np.array(values, dtype)
        return array.reshape(sizes)
    received = f"dtype {tensor.dtype}, shape {reprlib.repr(sizes)}, {len(values)} values"
    raise ServingError(f"the server must answer tensors with a value in each place. Received: {received}")


def _as_json(answer: Message) -> dict[str, Any]:
    """Return a message as the server's REST port would answer it."""
    return MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
