"""Drawing in a thread that gives way to whatever else wants its core."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Drawn = TypeVar("Drawn")
# What the thread's niceness grows by: it gets a tenth of a core that something else wants all of.
NICENESS = 10
THREAD_NAME = "ncf_keras_sampler"


def drawn_giving_way(make: Callable[[], Iterator[Drawn]]) -> Iterator[Drawn]:
    """Yield what an iterator yields, drawn in a thread of its own and of low priority.

    `make` returns the iterator. The priority is lower on Linux alone, where each thread has its own.
    """
    thread = ThreadPoolExecutor(1, THREAD_NAME, _give_way)
    try:
        iterator, end = make(), object()
        while (drawn := thread.submit(next, iterator, end).result()) is not end:
            yield drawn  # type: ignore[misc]
    finally:
        thread.shutdown(wait=False)


def _give_way() -> None:
    # Elsewhere it would be the whole process that gives way. Where it is forbidden, all is drawn nevertheless.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
