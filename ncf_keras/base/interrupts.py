"""The first Ctrl-C or SIGTERM asks a command to save its work and end; the second ends it at once."""

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """A command was asked to stop and has saved its work.

    Args:
        received: the signal.
        message: what became of the work, for standard error.

    Attributes:
        status: the exit status that shells expect, 128 + the signal's number: 130 or 143.
    """

    def __init__(self, received: signal.Signals, message: str):
        super().__init__(message)
        self.status = 128 + received


class Interrupts:
    """A context manager that remembers the first SIGINT or SIGTERM; a second one has its default effect.

    Outside the main thread, where Python handles no signals, nothing is ever received.

    Attributes:
        received: the signal, or None.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        # Not `print`, which is not reentrant: the signal may have interrupted another `print`.
        with contextlib.suppress(OSError):
            os.write(2, b"Stopping as soon as the running steps are done; once more stops at once.\n")
