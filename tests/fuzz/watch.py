"""Record what a reader did: the files it opened and the code it ran, as reported by Python's audit events."""

import contextlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

FORBIDDEN = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect",
             "pickle.find_class"}  # fmt: skip
# Python's own files, which are opened when a module is imported for the first time.
LIBRARIES = tuple(
    str(Path(place).resolve()) for place in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix)
)
PROJECT = str(Path(__file__).resolve().parents[2])


class Watch:
    """Records events while it is on. Audit hooks can't be removed, so there is one instance only."""

    def __init__(self) -> None:
        self._seen: list[str] | None = None
        sys.addaudithook(self._hook)

    @contextlib.contextmanager
    def only_opens(self, directory: Path) -> Iterator[None]:
        """Fail unless the block opens no file outside `directory` and starts nothing."""
        self._seen = []
        try:
            yield
        finally:
            seen, self._seen = self._seen, None
        inside = (str(directory.resolve()) + os.sep, PROJECT + os.sep, *LIBRARIES, "/proc/", "/sys/")
        strange = [what for what in seen if not what.startswith(inside)]
        assert strange == [], f"the input made the reader open or run {strange}"

    def _hook(self, event: str, arguments: tuple) -> None:
        if self._seen is None:
            return
        if event in FORBIDDEN:
            self._seen.append(f"{event} {arguments}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            self._seen.append(os.path.realpath(os.fsdecode(arguments[0])))
