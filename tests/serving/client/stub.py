"""A stand-in for TensorFlow Serving on loopback: its REST and gRPC protocols over versions in this process.

It keeps to the protocol: paths, formats, types, error codes and words, as TensorFlow Serving's documentation
and sources have them. It can misbehave on demand.
"""

import collections
import concurrent.futures
import contextlib
import http.server
import json
import re
import threading
from urllib.parse import unquote

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import any_pb2, json_format
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import (
    model_service_pb2_grpc as models_grpc,
    prediction_service_pb2_grpc as predictions_grpc,
)
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.predict_pb2 import PredictResponse

from tests.serving.client.json_tensor import Refused, invalid, read_request, write_answer

# The bytes of a gRPC message that the server takes: server.cc has SetMaxMessageSize(kint32max). Its HTTP server
# has no limit for a body (evhttp_server.cc sets none, and libevent has none), and neither has one for answers.
SERVER_BYTES = 2**31 - 1
# What proxies before a server take where nobody says otherwise: a gRPC message of 4 MiB, either way, as gRPC
# has it; and a body of 1 MiB, as nginx's client_max_body_size is.
PROXY_GRPC_BYTES, PROXY_BODY_BYTES = 4 << 20, 1 << 20
# The rows of a request that a server takes which batches, where nobody says otherwise (TensorFlow's
# shared_batch_scheduler.h, input_batch_size_limit).
BATCH_ROWS = 1000
# What a fault makes the server answer instead.
REFUSALS = {
    "overloaded": ("UNAVAILABLE", 503, "The queue to which this task was submitted is full"),
    "internal": ("INTERNAL", 500, "Tensor concat operation failed"),
    "forbidden": ("PERMISSION_DENIED", 403, "not for you"),
    "too many": ("RESOURCE_EXHAUSTED", 429, "quota"),
    "unimplemented": ("UNIMPLEMENTED", 501, "not built in"),
}
WHICH = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"


class SavedModel:
    """A version from a directory; see `tables.Tables` for one by hand."""

    def __init__(self, directory):
        self.model = tf.saved_model.load(str(directory))
        saved = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
        self.signature_defs = dict(saved.meta_graphs[0].signature_def)

    def run(self, signature, tensors):
        given = {name: tf.constant(tensors[name], dtype) for name, dtype in inputs_of(self, signature).items()}
        return {name: one.numpy() for name, one in self.model.signatures[signature](**given).items()}


def inputs_of(version, signature):
    """Return the dtypes of a signature's inputs by name."""
    return {name: tf.as_dtype(one.dtype).name for name, one in version.signature_defs[signature].inputs.items()}


class Stub:
    """What the server serves and how; change it between requests, `reset` it between tests.

    Attributes:
        models: {name: {number: version}}; a version has `signature_defs` and `run(signature, tensors)`.
        labels: {(name, label): version}.
        faults: what goes wrong, one name for each request to come; "" for none.
        requests: (path or method, body or message, headers) of each request so far.
        most_body: the bytes of an HTTP body that are taken, None for any number.
        neighbours: {input: values}, rows of another client that the server batches with those of each request.
            It then refuses single values as inputs, and many rows, as a server with --enable_batching does.
        failed: {(name, version): words} of versions that could not be loaded.
        released: set when the server is to stop being slow.
    """

    def __init__(self, models):
        self.models, self.labels, self.failed = models, {}, {}
        self.faults, self.requests, self.neighbours = collections.deque(), [], None
        self.released = threading.Event()
        self.most_body = None

    def reset(self):
        for change in (self.faults, self.failed, self.requests):
            change.clear()
        self.neighbours = None
        self.released.clear()

    def next_fault(self):
        fault = self.faults.popleft() if self.faults else ""
        if fault in REFUSALS:
            raise Refused(*REFUSALS[fault])
        if fault == "slow":
            self.released.wait(30)
        return fault

    def version(self, name, version=None, label=None):
        """Return the version that is asked for, its number first, or refuse as the server does."""
        versions = self.models.get(name, {})
        if label is not None:
            if (name, label) not in self.labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            version = self.labels[name, label]
        if version is None and versions:
            version = max(versions)
        if version not in versions:
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refused("NOT_FOUND", 404, f"Servable not found for request: {asked}")
        return version, versions[version]

    def predict(self, version, signature, tensors, fault):
        if self.neighbours is None:
            outputs = version.run(signature, tensors)
        else:
            ((rows,),) = {tensor.shape for tensor in tensors.values()}
            if rows > BATCH_ROWS:
                raise invalid(f"Task size {rows} is larger than maximum input batch size {BATCH_ROWS}")
            batch = {
                name: np.append(one, np.array(self.neighbours[name], one.dtype))
                for name, one in tensors.items()
            }
            outputs = {name: array[:rows] for name, array in version.run(signature, batch).items()}
        if fault == "no outputs":
            return dict.fromkeys(("other", "another"), np.zeros(1, np.float32))
        if fault == "wrong type":
            outputs = {name: np.full(array.shape, b"text", object) for name, array in outputs.items()}
        return {name: array[:-1] if fault == "wrong shape" else array for name, array in outputs.items()}

    def status(self, name, version=None, label=None):
        """Return the GetModelStatusResponse of the versions."""
        if label is not None:
            version, _ = self.version(name, label=label)
        states = dict.fromkeys(self.models.get(name, {}), ("AVAILABLE", ""))
        states |= {number: ("END", words) for (of, number), words in self.failed.items() if of == name}
        if version is not None:
            if version not in states:
                raise Refused("NOT_FOUND", 404, f"Could not find version {version} of model {name}")
            states = {version: states[version]}
        if not states:
            raise Refused("NOT_FOUND", 404, f"Could not find any versions of model {name}")
        response = GetModelStatusResponse()
        for number, (state, words) in sorted(states.items(), reverse=True):
            one = response.model_version_status.add(version=number, state=state)
            one.status.error_code = 9 if words else 0
            one.status.error_message = words
        return response

    def metadata(self, name, version=None, label=None):
        """Return the GetModelMetadataResponse of a version."""
        number, found = self.version(name, version, label)
        internal = {"__saved_model_init_op": meta_graph_pb2.SignatureDef()}
        signatures = SignatureDefMap(signature_def=found.signature_defs | internal)
        response = GetModelMetadataResponse()
        response.model_spec.name = name
        response.model_spec.version.value = number
        response.metadata["signature_def"].Pack(signatures)
        return response


class GrpcService(predictions_grpc.PredictionServiceServicer, models_grpc.ModelServiceServicer):
    """`PredictionService` and `ModelService` with the server's own messages."""

    def __init__(self, stub):
        self.stub = stub

    def answering(method, answer):
        def serve(self, request, context):
            self.stub.requests.append((method, request, dict(context.invocation_metadata())))
            spec = request.model_spec
            chosen = spec.WhichOneof("version_choice")
            version = spec.version.value if chosen == "version" else None
            label = spec.version_label if chosen == "version_label" else None
            try:
                return answer(self, (spec.name, version, label), request, self.stub.next_fault())
            except Refused as refused:
                return context.abort(grpc.StatusCode[refused.code], refused.words)

        return serve

    def predict(self, of, request, fault):
        number, version = self.stub.version(*of)
        signature = request.model_spec.signature_name
        if signature not in version.signature_defs:
            raise Refused("FAILED_PRECONDITION", 400, f'Serving signature key "{signature}" not found.')
        tensors = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        response = PredictResponse()
        response.model_spec.name, response.model_spec.signature_name = of[0], signature
        response.model_spec.version.value = number
        for name, array in self.stub.predict(version, signature, tensors, fault).items():
            response.outputs[name].CopyFrom(typed_fields(array))
            if fault == "no tensors":
                response.outputs[name].dtype = 0
        return response

    def metadata(self, of, request, fault):
        assert list(request.metadata_field) == ["signature_def"]
        response = self.stub.metadata(*of)
        if fault == "wrong type":
            response.metadata["signature_def"].Pack(any_pb2.Any())
        return response

    Predict = answering("Predict", predict)
    GetModelMetadata = answering("GetModelMetadata", metadata)
    GetModelStatus = answering("GetModelStatus", lambda self, of, request, fault: self.stub.status(*of))


def typed_fields(array):
    """Return the TensorProto as the server fills it: typed fields, not raw bytes."""
    if array.dtype == object:
        return tf.make_tensor_proto(array)
    proto = tf.make_tensor_proto(np.zeros(0, array.dtype))
    proto.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    fields = {"f": proto.float_val, "i": proto.int_val, "b": proto.bool_val}
    fields[array.dtype.kind].extend(array.ravel().tolist())
    return proto


class RestHandler(http.server.BaseHTTPRequestHandler):
    """The REST paths and formats; subclasses set `stub`."""

    protocol_version = "HTTP/1.1"
    # Headers and body are sent apart: else the second would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = self.rfile.read(int(self.headers["Content-Length"])) if self.command == "POST" else None
        if body and self.stub.most_body is not None and len(body) > self.stub.most_body:
            self.send(413, b"<html>", "")
            return
        self.stub.requests.append((self.path, body, dict(self.headers)))
        fault = ""
        try:
            fault = self.stub.next_fault()
            code, answer = 200, self.answer(body, fault)
        except Refused as refused:
            code, answer = refused.status, json.dumps({"error": refused.words}, indent=4).encode()
        self.send(code, answer, fault)

    do_POST = do_GET

    def answer(self, body, fault):
        found = re.fullmatch(WHICH + ("(/metadata)?" if body is None else "(:predict)"), self.path)
        if not found:
            raise invalid(f"Malformed request: {self.command} {self.path}")
        of = unquote(found[1]), found[2] and int(found[2]), found[3] and unquote(found[3])
        if body is None:
            message = self.stub.metadata(*of) if found[4] else self.stub.status(*of)
            return json_format.MessageToJson(
                message, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
            ).encode()
        _, version = self.stub.version(*of)

        def known_inputs(signature):
            if signature not in version.signature_defs:
                raise invalid(f'Serving signature name: "{signature}" not found in signature def')
            return inputs_of(version, signature)

        signature, format, tensors = read_request(body, known_inputs)
        return write_answer(self.stub.predict(version, signature, tensors, fault), format)

    def send(self, code, answer, fault):
        if fault in ("cut", "cut short", "stall"):
            self.close_connection = True
        if fault == "cut":
            return
        other = b'{"model_version_status": [{"state": "END"}], "metadata": {"signature_def": 7}}'
        code = {"page": 404, "moved": 301}.get(fault, code)
        answers = {"page": b"<html>", "no json": answer[:-2], "another object": other, "a list": b"[1, 2]"}
        answer = answers.get(fault, answer)
        if fault == "stall":
            self.stub.released.wait(0.7)
        self.send_response(code)
        self.send_header("Content-Length", str(len(answer) if fault != "trickle" else 10**6))
        if fault == "moved":
            self.send_header("Location", self.stub.rest)
        # The client may have given up.
        with contextlib.suppress(OSError):
            self.end_headers()
            self.wfile.write({"cut short": answer[:20], "stall": answer[:9]}.get(fault, answer))
            if fault == "stall":
                self.stub.released.wait(30)
            while fault == "trickle" and not self.stub.released.wait(0.0005):
                self.wfile.write(b" ")


@contextlib.contextmanager
def running(models, behind_proxies=False):
    """Serve {name: {number: version}} on loopback; yield the Stub, whose `rest` and `grpc` are addresses.

    It takes what the server takes, or what proxies before one do.
    """
    stub = Stub(models)
    options = [("grpc.max_receive_message_length", SERVER_BYTES), ("grpc.max_send_message_length", -1)]
    if behind_proxies:
        stub.most_body = PROXY_BODY_BYTES
        options = [(name, PROXY_GRPC_BYTES) for name, _ in options]
    service = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=options)
    predictions_grpc.add_PredictionServiceServicer_to_server(GrpcService(stub), service)
    models_grpc.add_ModelServiceServicer_to_server(GrpcService(stub), service)
    stub.grpc = f"grpc://127.0.0.1:{service.add_insecure_port('127.0.0.1:0')}"
    service.start()
    handler = type("Handler", (RestHandler,), {"stub": stub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        stub.rest = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            stub.released.set()
            server.shutdown()
            thread.join()
            service.stop(None).wait()
