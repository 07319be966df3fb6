"""What a computation needs, held against the memory of the machine before any of it is taken."""

import contextlib
import contextvars
import os
from collections.abc import Iterator
from pathlib import Path

from ncf_keras.base.errors import InputError

try:
    import resource
except ImportError:  # not a POSIX system: there are no limits of a process
    resource = None  # type: ignore[assignment]

# Of a context and not of the module, so that a thread or a test can't change it for another.
_CHECKED: contextvars.ContextVar[bool] = contextvars.ContextVar("memory_checked", default=True)
# The limit, what is taken, and where it says how much of that is read files, which are given back on demand.
CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


class TooLittleMemory(InputError):
    """More memory is needed than is free."""


@contextlib.contextmanager
def memory_checked(checked: bool) -> Iterator[None]:
    """Decide whether `require_memory` holds anything against the machine while the block runs."""
    token = _CHECKED.set(checked)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def require_memory(needed: int, what: str) -> None:
    """Raise TooLittleMemory if `what`, a subject such as `--batch_size`, needs more bytes than are free."""
    require_within(needed, allowed_memory(), what)


def allowed_memory() -> int | None:
    """Return how many bytes may be taken: those that are free; None if nobody knows or it is not checked."""
    return free_memory() if _CHECKED.get() else None


def require_within(needed: int, allowed: int | None, what: str) -> None:
    """Raise TooLittleMemory if `what` needs more bytes than `allowed_memory` allowed before any were taken."""
    if allowed is not None and needed > allowed:
        raise TooLittleMemory(
            f"{what} must fit into the memory that is free (`--no_memory_check` tries all the same). "
            f"Received: about {in_words(needed)}, where {in_words(allowed)} are free"
        )


def free_memory() -> int | None:
    """Return how many bytes this process can take: of the machine, its container and its own limit."""
    found = [_of_machine(), _of_process(), *(_of_container(*files) for files in CGROUPS)]
    known = [free for free in found if free is not None]
    return max(0, min(known)) if known else None


def in_words(count: int) -> str:
    """Return a number of bytes as people say it, such as `1.5 GB`."""
    units = ("bytes", "kB", "MB", "GB", "TB", "PB")
    power = next(number for number in range(6) if count < 1000 ** (number + 1) or number == 5)
    return f"{count / 1000**power:.3g} {units[power]}"


def _of_machine() -> int | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _of_process() -> int | None:
    if resource is None:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    taken = [] if limit == resource.RLIM_INFINITY else _lines("/proc/self/statm")
    if not taken:
        return None
    return limit - int(taken[0].split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _of_container(limit_file: str, usage_file: str, parts_file: str) -> int | None:
    limit = _lines(limit_file)
    # "max" stands for no limit.
    usage = _lines(usage_file) if limit and limit[0].isdigit() else []
    if not usage:
        return None
    parts = dict(line.split() for line in _lines(parts_file))
    return int(limit[0]) - int(usage[0]) + int(parts.get("inactive_file", 0))


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text().splitlines()
    except OSError:
        return []
