"""A small dataset with titles that a page could trip over, and its page on a port of loopback."""

import contextlib
import dataclasses
import threading

from ncf_keras.browsing.application import make_application
from ncf_keras.browsing.server import address_of, listen, make_server
from tests.recommending.crowd import TITLES, crowd

SCRIPT = '<script>document.title = "taken"</script>'
IMAGE = '<img src="https://example.org/x" onerror="document.title = 1">'
HEBREW = "שלום עולם"
EMOJI = "🎬 Night & Day"


def shelf(ids=True, titles=True):
    """Return the crowd of 8 users and 13 items; the titles of items 5 to 8 are awkward, item 2 has none."""
    dataset = crowd(ids, titles)
    awkward = [*TITLES[:5], SCRIPT, IMAGE, HEBREW, EMOJI, *TITLES[9:]]
    return dataclasses.replace(dataset, item_titles=awkward) if titles else dataset


@contextlib.contextmanager
def served(answers):
    """Yield the address of a page that shows the answers."""
    listening = listen(0)
    server = make_server(make_application(answers, listening.getsockname()[1]))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield address_of(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
