"""How the client connects: names, addresses, TLS, proxies, kept connections; the deadline is over all of it."""

import contextlib
import itertools
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import Patience, ServingError, connect
from tests.serving.client import hostile

ANSWER = b'{"outputs":{"items":[[3]],"scores":[[0.5]],"known":[true]}}'
RIGHT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
ONCE = Patience(timeout=0.3, deadline=0.3, retries=0)
PATIENT = Patience(timeout=20, deadline=20, retries=0)


@contextlib.contextmanager
def right_server(tls=None):
    """Serve right answers; yield the port and the requests of each connection."""
    connections = []

    def serve(connection):
        connection = tls.wrap_socket(connection, server_side=True) if tls else connection
        with connection:
            requests = []
            connections.append(requests)
            while request := hostile.read_request(connection):
                requests.append(request)
                connection.sendall(RIGHT)

    with hostile.listening(serve) as port:
        yield port, connections


def items(address, patience=PATIENT, **options):
    with connect(address, "ncf", patience=patience, **options) as client:
        return client.recommend([1], 1).items.tolist()


@contextlib.contextmanager
def late():
    """Assert that a client with little patience is told that it is late, and soon."""
    begin = time.monotonic()
    with pytest.raises(ServingError, match=r"must answer in time\. Received: no whole answer in 0\.3 s"):
        yield
    # On a busy machine; every server here takes 10 seconds.
    assert time.monotonic() - begin < 3


def test_a_connection_is_kept_and_threads_have_their_own():
    with (
        right_server() as (port, connections),
        connect(f"http://localhost:{port}", "ncf", patience=PATIENT) as client,
    ):
        for _ in range(5):
            assert client.recommend([1], 1).items.tolist() == [[3]]
        assert [len(requests) for requests in connections] == [5]
        both = threading.Barrier(2)

        def ask():
            both.wait()
            for _ in range(20):
                assert client.recommend([1], 1).items.tolist() == [[3]]

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(map(len, connections)) == 45 and len(connections) <= 3


@pytest.fixture
def looked_up(monkeypatch):
    """Return a function that sets what is found of names, after how many seconds."""
    real = socket.getaddrinfo

    def look_up(found, seconds=0.0):
        def getaddrinfo(host, port, *arguments, flags=0, **options):
            if host != "server.example":
                return real(host, port, *arguments, flags=flags, **options)
            if flags & socket.AI_NUMERICHOST:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            time.sleep(seconds)
            if isinstance(found, OSError):
                raise found
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", one)) for one in found]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return look_up


def test_a_name_server_that_is_slow_or_knows_nothing(looked_up):
    looked_up([1], seconds=3.0)
    with late():
        items("http://server.example", ONCE)
    looked_up(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    with pytest.raises(
        ServingError, match=r"server\.example must answer\. Received: Name or service not known"
    ):
        items("http://server.example")
    looked_up([])
    with pytest.raises(ServingError, match=r"must answer\. Received: .*no address"):
        items("http://server.example")


def test_all_addresses_share_the_time(looked_up):
    with right_server() as (port, _), never_connecting() as deaf, socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        refusing = unheard.getsockname()[1]
        looked_up([refusing, port])
        assert items("http://server.example") == [[3]]
        looked_up([deaf, refusing, port])
        assert items("http://server.example", Patience(timeout=1.5, deadline=1.5, retries=0)) == [[3]]
        looked_up([deaf] * 5)
        with late():
            items("http://server.example", ONCE)


@contextlib.contextmanager
def never_connecting():
    """Yield a port that neither takes nor refuses a connection: its queue is full."""
    with contextlib.ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of localhost and its key."""
    if not shutil.which("openssl"):
        pytest.skip("makes its certificate with openssl")
    directory = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out"
    command += " certificate.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(command.split(), cwd=directory, check=True, capture_output=True)
    return directory / "certificate.pem", directory / "key.pem"


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))


def test_tls(tls, trusted, monkeypatch):
    with right_server(tls) as (port, connections):
        assert items(f"https://localhost:{port}") == [[3]]
        with connect(f"https://localhost:{port}", "ncf", patience=PATIENT) as client:
            assert [client.recommend([1], 1).items.tolist() for _ in range(3)] == [[[3]]] * 3
        assert [len(requests) for requests in connections] == [1, 3]
        # The name is checked, and who says so.
        with pytest.raises(
            ServingError, match=r"must answer\. Received: no certificate that this machine trusts: "
        ):
            items(f"https://127.0.0.1:{port}")
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(
            ServingError, match=r"must answer\. Received: no certificate that this machine trusts: "
        ):
            items(f"https://localhost:{port}")


def test_a_server_without_tls_that_is_asked_with_it():
    def serve(connection):
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    words = r"must answer\. Received: no TLS: ((?!_ssl).)* \(1 try in 0\.\d s\)$"
    with hostile.listening(serve) as port, pytest.raises(ServingError, match=words):
        items(f"https://localhost:{port}")


@pytest.mark.parametrize("stage", ["hello", "headers", "body"])
def test_tls_that_is_slow(tls, trusted, stage):
    def serve(connection):
        if stage == "hello":
            connection.recv(1 << 16)
            hostile.play(connection, slowly(b"\x16\x03\x03\x40\x00", b"\x02"))
            return
        with tls.wrap_socket(connection, server_side=True) as wrapped:
            hostile.read_request(wrapped)
            end = b"" if stage == "headers" else b"\r\n"
            hostile.play(wrapped, slowly(b"HTTP/1.1 200 OK\r\n" + end, b"X"))

    with hostile.listening(serve) as port, late():
        items(f"https://localhost:{port}", ONCE)


def test_tls_without_end(tls, trusted):
    def serve(connection):
        with tls.wrap_socket(connection, server_side=True) as wrapped:
            hostile.read_request(wrapped)
            hostile.play(wrapped, itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000))

    with hostile.listening(serve) as port, pytest.raises(ServingError, match=r"in at most 1,\d+,\d+ bytes"):
        items(f"https://localhost:{port}")


def test_a_server_that_does_not_read():
    """The request is longer than what the system takes for it."""

    def serve(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        time.sleep(3)

    with (
        hostile.listening(serve) as port,
        connect(f"http://localhost:{port}", "ncf", patience=ONCE) as client,
        late(),
    ):
        client.recommend_by_id(b"x" * (8 << 20))


def slowly(begin, block):
    yield begin
    for _ in range(100):
        yield block
        yield 0.1


@contextlib.contextmanager
def proxy(answer):
    """Serve a proxy that hands on to the port which `answer(request)` gives, or sends what it yields."""

    def serve(connection):
        request = hostile.read_request(connection)
        to = answer(request)
        if not isinstance(to, int):
            hostile.play(connection, to)
            return
        with socket.create_connection(("127.0.0.1", to)) as onward:
            if request.startswith(b"CONNECT"):
                connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                onward.sendall(request)
            threading.Thread(target=pump, args=(onward, connection), daemon=True).start()
            pump(connection, onward)

    with hostile.listening(serve) as port:
        yield f"http://127.0.0.1:{port}"


def pump(source, sink):
    with contextlib.suppress(OSError):
        while block := source.recv(1 << 16):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)


def test_proxies_of_the_environment(tls, trusted, monkeypatch):
    with right_server() as (plain, _), right_server(tls) as (safe, _):
        asked = []

        def onward(request):
            asked.append(request.split(b"\r\n")[0])
            return safe if request.startswith(b"CONNECT") else plain

        with proxy(onward) as address:
            monkeypatch.setenv("http_proxy", address)
            monkeypatch.setenv("https_proxy", address)
            assert items("http://server.example:8501") == [[3]]
            assert items("https://localhost:8501") == [[3]]
    posted, tunnel = asked
    assert posted == b"POST http://server.example:8501/v1/models/ncf:predict HTTP/1.1"
    # Of HTTP/1.1 from Python 3.12 on.
    assert tunnel.startswith(b"CONNECT localhost:8501 HTTP/1.")


def test_a_proxy_that_is_slow(trusted, monkeypatch):
    with proxy(lambda _: slowly(b"HTTP/1.1 200 Connected\r\n", b"X")) as address:
        monkeypatch.setenv("https_proxy", address)
        with late():
            items("https://localhost:8501", ONCE)
    monkeypatch.setenv("https_proxy", f"http://{'a' * 70}.example:1")
    with pytest.raises((ServingError, InputError)):
        items("https://localhost:8501", ONCE)
