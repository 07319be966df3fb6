"""The page served by a thread while something else goes on, such as a notebook or a test."""

import contextlib
import threading
from collections.abc import Iterator

from ncf_keras.browsing.answers import Answers
from ncf_keras.browsing.application import make_application
from ncf_keras.browsing.server import address_of, listen, make_server


@contextlib.contextmanager
def served(answers: Answers, port: int = 0) -> Iterator[str]:
    """Yield the address of a page that shows the answers while the block runs; port 0 is any that is free."""
    listening = listen(port)
    server = make_server(make_application(answers, listening.getsockname()[1]))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield address_of(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
