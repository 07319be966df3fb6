"""One file over HTTP: resumed where it was cut, verified, and never there by halves.

Why not a ready-made downloader: `keras.utils.get_file` and pooch, the well-kept ones, both begin an
interrupted file again from its first byte (ml-20m is 200 MB), neither knows git's blob SHA-1, the only
checksum there is for the authors' files, and the first needs TensorFlow. What would be left for them is a
rename. So this is the standard library's HTTP client, a Range header and a checksum that has the last word.
"""

import errno
import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.version import __version__
from ncf_keras.data.known_datasets import RemoteFile

BLOCK = 1 << 16
TIMEOUT_SECONDS = 30
MOST_BYTES = 1 << 30
ATTEMPTS = 5
Progress = Callable[[str, int, int | None], None]


class _Cut(Exception):
    """The connection ended before the file did."""


def fetch(remote: RemoteFile, directory: Path, on_progress: Progress = lambda name, done, total: None) -> Path:
    """Bring a file into `directory`, from there if it is there already.

    What has come so far is kept as `<name>.part`; a cut connection is taken up again at once, and by the next
    run if it stays cut. The file gets its name when its checksum is right.

    Args:
        remote: what to fetch.
        directory: where to; it must exist.
        on_progress: told the name, the bytes that are here, and the bytes of the whole, None if not known.

    Returns:
        The path of the file.

    Raises:
        InputError: the publisher can't be reached or does not have the file, the connection is cut again and
            again, the checksum is wrong, or the disk is full.
    """
    file = directory / remote.name
    if file.exists():
        _require_checksum(file, remote, f"move {file} away, so that it can be downloaded")
        return file
    part = directory / f"{remote.name}.part"
    resumed = _size(part) > 0
    _bring(remote, part, on_progress)
    if resumed and not _is_right(part, remote):
        # The beginning, from an earlier run, may be the wrong part of it.
        part.unlink()
        _bring(remote, part, on_progress)
    try:
        _require_checksum(part, remote, "what came is deleted: run the same command again")
    except InputError:
        part.unlink()
        raise
    part.replace(file)
    return file


def digest_of(file: Path, kind: str) -> str:
    """Return the digest of a file, in hexadecimal; `kind` is `md5` or `git`, the SHA-1 of git's blob of it."""
    if kind == "git":
        digest = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    else:
        digest = hashlib.new(kind, usedforsecurity=False)
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _bring(remote: RemoteFile, part: Path, on_progress: Progress) -> None:
    """Append what is missing to `part`, in as many connections as it takes while each brings something."""
    for attempt in range(1, ATTEMPTS + 1):
        before = _size(part)
        try:
            _transfer(remote, part, on_progress)
            break
        except _Cut as cut:
            if attempt == ATTEMPTS or _size(part) <= before:
                raise InputError(
                    f"{remote.url} must come whole: run the same command again to go on from what is kept in "
                    f"{part}. Received: {cut}"
                ) from None


def _is_right(file: Path, remote: RemoteFile) -> bool:
    kind, expected = remote.checksum.split(":")
    return digest_of(file, kind) == expected


def _require_checksum(file: Path, remote: RemoteFile, way_on: str) -> None:
    if not _is_right(file, remote):
        kind, expected = remote.checksum.split(":")
        called = {"git": "git blob SHA-1"}.get(kind, kind.upper())
        raise InputError(
            f"{file} must have the {called} {expected} ({way_on}). Received: {digest_of(file, kind)}"
        )


def _transfer(remote: RemoteFile, part: Path, on_progress: Progress) -> None:
    start = _size(part)
    headers = {"User-Agent": f"ncf-keras/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        request = urllib.request.Request(remote.url, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            _receive(remote, response, part, start, on_progress)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                # Nothing comes after what is here: it is whole or it is wrong, as its checksum tells.
                return
            raise InputError(
                f"{remote.url} must be there to download. Received: HTTP {error.code} {error.reason}"
                f"{_by_hand(remote, part)}"
            ) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{remote.url} must be reachable. Received: {reason}{_by_hand(remote, part)}"
        ) from None


def _receive(
    remote: RemoteFile, response: http.client.HTTPResponse, part: Path, start: int, on_progress: Progress
) -> None:
    if start and not _continues(response, start):
        start = 0
    length = response.headers.get("Content-Length")
    total = start + int(length) if length and length.isdecimal() else None
    if total is not None and total > MOST_BYTES:
        raise InputError(f"{remote.url} must be of at most {MOST_BYTES:,} bytes. Received: {total:,}")
    done = start
    try:
        with part.open("ab" if start else "wb") as stream:
            on_progress(remote.name, done, total)
            while block := _read(response):
                done += len(block)
                if done > MOST_BYTES:
                    raise InputError(f"{remote.url} must be of at most {MOST_BYTES:,} bytes. Received: more")
                stream.write(block)
                on_progress(remote.name, done, total)
    except OSError as error:
        kept = f"run the same command again to go on from what is kept in {part}"
        room = (
            "room for the download"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "files that can be written"
        )
        raise InputError(f"{part.parent} must have {room}: {kept}. Received: {error.strerror}") from None
    if total is not None and done < total:
        raise _Cut(f"{done:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(BLOCK)
    except (http.client.HTTPException, OSError) as error:
        raise _Cut(f"a connection cut off ({error or type(error).__name__})") from None


def _continues(response: http.client.HTTPResponse, start: int) -> bool:
    """Tell whether the answer is what comes after byte `start`, as was asked; a server may ignore that."""
    answered = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status == http.HTTPStatus.PARTIAL_CONTENT and bool(answered) and int(answered[1]) == start


def _by_hand(remote: RemoteFile, part: Path) -> str:
    return (
        f"; either download {remote.url} by hand, put it at {part.with_suffix('')} and run the same command "
        "again, or train without a download, with `--dataset sample`"
    )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
