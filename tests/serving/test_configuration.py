"""The files in serving/: they say what the server's own messages can hold, and agree with each other."""

import re
import subprocess

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from ncf_keras.serving.client.limits import MOST_ROWS
from tests.serving.client.stub import running
from tests.serving.client.tables import Tables
from tests.shared_files import PROJECT

SERVING = PROJECT / "serving"

# tensorflow-serving-api leaves these messages out. Field names and types are those of TensorFlow
# Serving's config/monitoring_config.proto and servables/tensorflow/session_bundle_config.proto.
FIELD = descriptor_pb2.FieldDescriptorProto
INT64 = ".google.protobuf.Int64Value"
LEFT_OUT = {
    "PrometheusConfig": {"enable": FIELD.TYPE_BOOL, "path": FIELD.TYPE_STRING},
    "MonitoringConfig": {"prometheus_config": ".left_out.PrometheusConfig"},
    "BatchingParameters": {
        "max_batch_size": INT64, "batch_timeout_micros": INT64, "max_enqueued_batches": INT64,
        "num_batch_threads": INT64, "thread_pool_name": ".google.protobuf.StringValue",
        "allowed_batch_sizes": FIELD.TYPE_INT64, "pad_variable_length_inputs": FIELD.TYPE_BOOL,
        "enable_large_batch_splitting": ".google.protobuf.BoolValue", "max_execution_batch_size": INT64,
    },
}  # fmt: skip
# Flags of tensorflow_model_server, from the table of TensorFlow Serving's model_servers/main.cc.
FLAGS = {
    "port", "rest_api_port", "rest_api_timeout_in_ms", "model_config_file",
    "model_config_file_poll_wait_seconds", "allow_version_labels_for_unavailable_models",
    "monitoring_config_file", "enable_batching", "batching_parameters_file",
}  # fmt: skip


@pytest.fixture(scope="module")
def messages():
    file = descriptor_pb2.FileDescriptorProto(
        name="left_out.proto", package="left_out", syntax="proto3", dependency=[wrappers_pb2.DESCRIPTOR.name]
    )
    for name, fields in LEFT_OUT.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), 1):
            label = FIELD.LABEL_REPEATED if field == "allowed_batch_sizes" else FIELD.LABEL_OPTIONAL
            kinds = {"type_name": kind} if isinstance(kind, str) else {"type": kind}
            message.field.add(name=field, number=number, label=label, **kinds)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    types = {name: pool.FindMessageTypeByName(f"left_out.{name}") for name in LEFT_OUT}
    return {name: message_factory.GetMessageClass(kind) for name, kind in types.items()}


def parsed(file, message):
    return text_format.Parse((SERVING / file).read_text(), message())


@pytest.fixture(scope="module")
def service():
    (service,) = yaml.safe_load((SERVING / "compose.yaml").read_text())["services"].values()
    return service


def test_the_files_say_what_the_docs_do(messages):
    (model,) = parsed("models.config", ModelServerConfig).model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("ncf", "/serving/ncf", "tensorflow")
    assert model.model_version_policy.latest.num_versions == 2
    assert not model.version_labels
    batching = parsed("batching.config", messages["BatchingParameters"])
    found = {field.name: value.value for field, value in batching.ListFields()}
    most = {"max_batch_size": 1000, "max_execution_batch_size": 64, "max_enqueued_batches": 100}
    others = {"batch_timeout_micros": 1000, "num_batch_threads": 4, "enable_large_batch_splitting": True}
    assert found == most | others
    # A request of the client is taken, and there is room for it in an empty queue.
    assert MOST_ROWS <= most["max_batch_size"] <= 64 * 100
    monitoring = parsed("monitoring.config", messages["MonitoringConfig"]).prometheus_config
    assert monitoring.enable and monitoring.path == "/monitoring/prometheus/metrics"


def test_the_service(service):
    assert service["image"].startswith("tensorflow/serving:")
    assert service["entrypoint"] == ["tensorflow_model_server"]
    flags = dict(flag.removeprefix("--").split("=") for flag in service["command"])
    commented = re.findall(r"^ +# - --(\w+)=(\S+)$", (SERVING / "compose.yaml").read_text(), re.MULTILINE)
    assert len(commented) == 2
    assert set(flags) | set(dict(commented)) == FLAGS
    assert (flags["port"], flags["rest_api_port"]) == ("8500", "8501")
    assert {port.rsplit(":", 1)[1] for port in service["ports"]} == {flags["port"], flags["rest_api_port"]}
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["volumes"] == ["./:/serving:ro"]
    text = (SERVING / "compose.yaml").read_text()
    named = set(re.findall(r"=/serving/(\S+)", text))
    assert named == {"models.config", "batching.config", "monitoring.config"}
    assert all((SERVING / name).is_file() for name in named)


def test_the_health_check(service):
    """Run by this machine's bash against the stub: healthy only when a version of `ncf` answers."""
    assert service["healthcheck"]["test"][:2] == ["CMD", "bash"]
    with running({"ncf": {1: Tables()}}) as stub:
        port = stub.rest.rpartition(":")[2]
        command = [part.replace("/8501", f"/{port}") for part in service["healthcheck"]["test"][1:]]

        def healthy():
            return subprocess.run(command, capture_output=True, timeout=30).returncode == 0

        assert healthy()
        stub.models.pop("ncf")
        assert not healthy()
        stub.failed["ncf", 1] = "Data loss"
        assert not healthy()
    assert not healthy()
