"""The files of a dataset, held against the digests of its JSON file while they are read.

`sealed_files.py` writes both, and says why the digests are there.
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of, open_input, unreadable
from ncf_keras.data.sealed_files import DIGEST, JSON, digests_in

BLOCK = 1 << 18
# Seconds that an error waits for the digests, which may explain it.
PATIENCE = 5.0


class Found(NamedTuple):
    """A file as it was found: its digest, and what changes when it is written or exchanged."""

    digest: str
    identity: tuple[int, ...]


@contextlib.contextmanager
def held_together(paths: Mapping[str, Path], read: Collection[str] | None = None) -> Iterator[None]:
    """Let the files of a dataset be read while the block runs.

    Args:
        paths: each file that may be there, by suffix. Where there is no JSON file of ours with digests, nothing
            is checked.
        read: the suffixes of those that are read; None: all.

    Raises:
        InputError: a file is not the one that the JSON file describes, or was changed while it was read.
    """
    digests = digests_in(paths[JSON], paths.keys() - {JSON})
    expected = {suffix: digest for suffix, digest in digests.items() if read is None or suffix in read}
    before = {suffix: _identity(paths[suffix]) for suffix in expected}
    stop = threading.Event()
    # Beside the parser, which leaves the other cores idle.
    with ThreadPoolExecutor(1) as pool:
        found = {suffix: pool.submit(_found, paths[suffix], stop) for suffix in expected}

        def require_same() -> None:
            for suffix, digest in expected.items():
                _require_same(paths, suffix, digest, found[suffix].result(), before[suffix])

        try:
            yield
            require_same()
        except InputError:
            # That the files are not of one run says more than that a line does not fit.
            if not wait(found.values(), PATIENCE).not_done:
                require_same()
            raise
        finally:
            stop.set()


def _found(file: Path, stop: threading.Event) -> Found | None:
    """Return the digest and identity of a file, None if there is none or nobody waits for it any more."""
    if kind_of(file) is None:
        return None
    with open_input(file) as stream:
        digest = hashlib.new(DIGEST)
        try:
            while (block := stream.read(BLOCK)) and not stop.is_set():
                digest.update(block)
        except OSError as error:
            raise unreadable(file, error) from None
        return None if block else Found(digest.hexdigest(), _parts(os.fstat(stream.fileno())))


def _identity(file: Path) -> tuple[int, ...] | None:
    try:
        return _parts(file.stat())
    except (OSError, ValueError):
        return None


def _parts(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _require_same(
    paths: Mapping[str, Path], suffix: str, digest: str, found: Found | None, before: tuple[int, ...] | None
) -> None:
    file = paths[suffix]
    if found is not None and found.digest == digest and found.identity == before == _identity(file):
        return
    if found is None:
        received = "no such file"
    elif found.digest == digest:
        received = "one that was exchanged while it was read"
    else:
        received = "one that was changed, or that is of another run, such as one that was stopped"
    raise InputError(
        f"{file} must be the file that {paths[JSON]} describes: prepare or download it again, or "
        f"remove {paths[JSON]} if the change was meant. Received: {received}"
    )
