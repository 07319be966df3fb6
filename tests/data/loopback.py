"""A publisher on loopback that can cut connections, ignore ranges, have no file and send wrong bytes."""

import contextlib
import http.server
import threading
from dataclasses import dataclass, field


@dataclass
class Publisher:
    """What the server serves and how; change it between requests."""

    files: dict  # content by path
    cuts: list = field(default_factory=list)  # how many bytes to send before the cut, one for each request
    ranges: bool = True  # whether a Range header is honoured
    sizes: bool = True  # whether Content-Length is sent
    length: str | None = None  # a Content-Length to send whatever it is
    status: int | None = None  # an error to answer instead
    reason: str | None = None  # its words
    shift: int = 0  # how far the answer to a range begins from where it should
    requests: list = field(default_factory=list)  # path and Range header of each request so far
    url: str = ""


def _handler(publisher):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            publisher.requests.append((self.path, wanted))
            data = publisher.files.get(self.path.rsplit("/", 1)[-1])
            if publisher.status or data is None:
                self.send_error(publisher.status or 404, publisher.reason)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and publisher.ranges else 0
            if start >= len(data) and start:
                self.send_error(416)
                return
            start += publisher.shift if start else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if publisher.sizes:
                self.send_header("Content-Length", publisher.length or str(len(data) - start))
            self.end_headers()
            end = start + publisher.cuts.pop(0) if publisher.cuts else len(data)
            self.wfile.write(data[start:end])

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def serving(files):
    """Serve `files` on loopback; yield the Publisher, whose `url` is where they are."""
    publisher = Publisher(files)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(publisher)) as server:
        publisher.url = f"http://127.0.0.1:{server.server_port}/data/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield publisher
        finally:
            server.shutdown()
            thread.join()
