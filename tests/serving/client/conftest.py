"""Clients of the stub of the server, over REST in both formats and over gRPC."""

import pytest

from ncf_keras.serving.client import Patience, connect

WAYS = ("REST columns", "REST rows", "gRPC")
# Short waits: the stub either answers at once or not at all.
PATIENCE = Patience(timeout=20, deadline=60, retries=2, first_wait=0.001)


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def client(stub, way):
    with client_of(stub, way) as client:
        yield client


def client_of(stub, way, model="ncf", patience=PATIENCE, **options):
    """Return a client that asks the stub in one of `WAYS`."""
    server = stub.grpc if way == "gRPC" else stub.rest
    return connect(server, model, patience=patience, rows=way == "REST rows", **options)
