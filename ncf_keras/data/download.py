"""A known dataset from its publishers into a directory, ready to train on.

Where the authors published their split (ml-1m, pinterest-20) it is taken as it is; the raw archive then only
adds the ids and titles. The other MovieLens sets are prepared from the raw log, as `ncf prepare` would.

Files are fetched with the standard library's HTTP client, a Range header and a checksum that has the last word.
`keras.utils.get_file` and pooch both begin an interrupted file again from its first byte (ml-20m is 200 MB),
neither knows git's blob SHA-1, the only checksum there is for the authors' files, and the first needs
TensorFlow.
"""

import contextlib
import errno
import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.base.inputs import kind_of, open_input, reason_of
from ncf_keras.base.locks import NoLocks, open_lock_file, take_lock
from ncf_keras.base.staging import locked_directory, sweep
from ncf_keras.base.terminal import shown
from ncf_keras.base.version import __version__
from ncf_keras.data.dataset import Dataset, pair_numbers
from ncf_keras.data.dataset_files import (
    COLD,
    FEATURES,
    SUFFIXES,
    VALIDATION,
    prepared_paths,
    read_dataset,
)
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.feature_file import write_encodings
from ncf_keras.data.id_files import write_ids
from ncf_keras.data.known_datasets import SPLIT_SUFFIXES, KnownDataset, RemoteFile
from ncf_keras.data.logs.log import Log
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.reading import file_digest
from ncf_keras.data.sealed_files import room_in, write_together
from ncf_keras.data.tidy_log import TidyLog
from ncf_keras.data.titles import read_titles, titles_of

BLOCK, TIMEOUT_SECONDS = 1 << 16, 30
# The largest archive known, that of ml-20m, has 198 MB, and its log 533 MB.
MOST_BYTES = 1 << 30
ATTEMPTS = 5
Progress = Callable[[str, int, int | None], None]


def download_dataset(
    known: KnownDataset,
    directory: Path,
    on_progress: Progress = lambda name, done, total: None,
    on_step: Callable[[str], None] = lambda step: None,
    most_unpacked_bytes: int = MOST_BYTES,
) -> Dataset:
    """Download a dataset, or what is missing of it, and prepare it.

    Args:
        known: one of `KNOWN_DATASETS`.
        directory: where to; made if it is missing. The archive stays there, so that it is downloaded once.
        on_progress: as of `fetch`.
        on_step: told what is done in a sentence.
        most_unpacked_bytes: a larger file in the archive is refused.
    """
    directory = writable_directory(directory, "directory")
    paths = prepared_paths(directory / known.name)
    if not known.split and all(kind_of(paths[suffix]) for suffix in SUFFIXES):
        on_step(f"{known.name} is there already.")
        return read_dataset(directory, known.name)
    for remote in known.split:
        fetch(remote, directory, on_progress)
        on_step(f"{directory / remote.name}: the authors' own file, git blob SHA-1 verified.")
    if known.split:
        # What lies beside the authors' files is of another split of that name.
        with room_in(directory):
            for suffix in (COLD, VALIDATION):
                paths[suffix].unlink(missing_ok=True)
    if known.archive is None:
        dataset = read_dataset(directory, known.name)
        _write_beside_split(known, directory, {}, dataset)
        return dataset
    archive = fetch(known.archive, directory, on_progress)
    on_step(f"{archive}: from {known.archive.url}, MD5 verified.")
    with _unpacked(archive, (known.log, known.titles), most_unpacked_bytes) as (log_file, titles_file):
        size = log_file.stat().st_size
        log = Log.of(log_file)
        rows = log.read(lambda done: on_progress(known.log, done, size))
        titles = read_titles(titles_file)
        if known.split:
            _add_ids(known, archive.name, directory, rows, titles)
            on_step(f"{known.log} of the archive: raw ids and titles for the authors' indices.")
        else:
            source = log.source(titles_file) | _origin(known)
            prepared = prepare(rows, PrepareOptions())
            write_prepared(directory / known.name, prepared, source, titles_of(prepared.item_ids, titles))
            on_step(f"{known.log} of the archive: prepared as `ncf prepare` does, every rating a positive.")
    return read_dataset(directory, known.name)


def fetch(
    remote: RemoteFile,
    directory: Path,
    on_progress: Progress = lambda name, done, total: None,
    most_bytes: int = MOST_BYTES,
) -> Path:
    """Bring a file of at most `most_bytes` into `directory`, which must exist, unless it is there already.

    What has come so far is kept as `<name>.part`; a cut connection is taken up again at once, and by the next
    run if it stays cut. The file gets its name when its checksum is right. `on_progress` is told the name, the
    bytes that are here, and the bytes of the whole, None if not known.
    """
    file = directory / remote.name
    if kind_of(file) is None:
        with _part_of(file) as part:
            # Another command may have brought it since.
            if kind_of(file) is None:
                _bring(remote, part, on_progress, most_bytes)
                return part.path.replace(file)
    _require_checksum(file, remote, f"move {file} away, so that it can be downloaded")
    return file


class _Part:
    """The beginning of a file, which no other download writes while this one does."""

    def __init__(self, path: Path, descriptor: int):
        self.path = path
        self._descriptor = descriptor

    def size(self) -> int:
        """Return how many bytes have come."""
        return os.fstat(self._descriptor).st_size

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes, which what is written next follows."""
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, size, os.SEEK_SET)

    def write(self, block: bytes) -> None:
        """Write a block; OSError if there is no room."""
        while block:
            block = block[os.write(self._descriptor, block) :]


@contextlib.contextmanager
def _part_of(file: Path) -> Iterator[_Part]:
    """Open and lock `<name>.part`; afterwards it is gone if it is empty."""
    path = file.with_name(f"{file.name}.part")
    descriptor = _opened_part(path)
    try:
        part = _Part(path, descriptor)
        yield part
        # Whoever waits for the lock of this one will see that it has gone.
    finally:
        with contextlib.suppress(OSError):
            if not os.fstat(descriptor).st_size and _is_at(descriptor, path):
                path.unlink()
        os.close(descriptor)


def _opened_part(path: Path) -> int:
    while True:
        descriptor = open_lock_file(path)
        try:
            locked = take_lock(descriptor, path)
        except NoLocks:
            return descriptor
        # It may have been completed and renamed between opening it and locking it.
        if locked and _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)
        if not locked:
            raise InputError(
                f"`directory` must be one that no other command is downloading {path.stem} into. "
                f"Received: {path.parent}"
            )


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _bring(remote: RemoteFile, part: _Part, on_progress: Progress, most_bytes: int) -> None:
    """Complete the beginning of a file."""
    resumed = part.size() > 0
    for attempt in range(1, ATTEMPTS + 1):
        before = part.size()
        try:
            _connect(remote, part, on_progress, most_bytes)
            break
        except _Cut as cut:
            if attempt == ATTEMPTS or part.size() <= before:
                raise InputError(
                    f"{remote.url} must come whole: run the same command again to go on from what is "
                    f"kept in {part.path}. Received: {cut}"
                ) from None
    try:
        _require_checksum(part.path, remote, "what came is deleted: run the same command again")
    except InputError:
        part.cut(0)
        if not resumed:
            raise
        # The beginning, from an earlier run, may be the wrong part of it.
        _bring(remote, part, on_progress, most_bytes)


@contextlib.contextmanager
def _unpacked(archive: Path, members: tuple[str, ...], most_bytes: int) -> Iterator[list[Path]]:
    """Yield the named members of a zip archive as files of a directory that is removed afterwards.

    Nothing else is unpacked, and each gets a name of ours, so no path in an archive leads anywhere.
    """
    hidden = f".unpacking-{archive.name}-"
    sweep(archive.parent, hidden)
    with locked_directory(archive.parent, hidden, needs_lock=False) as folder:
        try:
            with room_in(archive.parent), open_input(archive) as opened, zipfile.ZipFile(opened) as package:
                files = [_unpack(archive, package, member, folder, most_bytes) for member in members]
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise InputError(
                f"{archive} must be a zip archive that can be unpacked. Received: {error}"
            ) from None
        yield files


def _unpack(archive: Path, package: zipfile.ZipFile, member: str, folder: Path, most_bytes: int) -> Path:
    try:
        entry = package.getinfo(member)
    except KeyError:
        raise InputError(f"{archive} must hold {member}. Received: an archive without it") from None
    if entry.file_size > most_bytes:
        raise InputError(
            f"{member} in {archive} must have at most {most_bytes:,} bytes. Received: {entry.file_size:,}"
        )
    file = folder / Path(member).name
    # zipfile stops at the declared size and checks the CRC.
    with package.open(entry) as source, file.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return file


def _add_ids(
    known: KnownDataset, archive: str, directory: Path, log: TidyLog, titles: Mapping[str, str]
) -> None:
    """Write the raw ids of the authors' indices, which are numbered in the log's order of first appearance."""
    dataset = read_dataset(directory, known.name)
    if not _same_pairs(log, dataset):
        raise InputError(
            f"{known.log} of {archive} must hold the pairs of the authors' {known.name} files. "
            "Received: others; the authors' files can be trained on, but their raw ids are not known"
        )
    titles_of_items = titles_of(log.item_ids, titles)
    writers: dict[str, Callable[[Path], None]] = {
        ".users.csv": lambda file: write_ids(file, "user_id", log.user_ids),
        ".items.csv": lambda file: write_ids(file, "item_id", log.item_ids, titles_of_items),
    }
    if kind_of(f"{directory / known.name}{FEATURES}") is not None:
        # The files of ids have no columns of features any more.
        writers[FEATURES] = lambda file: write_encodings(file, None, None)
    _write_beside_split(known, directory, writers, dataset)


def _same_pairs(log: TidyLog, dataset: Dataset) -> bool:
    users = np.concatenate([dataset.train_users, dataset.test_users])
    items = np.concatenate([dataset.train_items, dataset.test_items])
    mine = pair_numbers(log.frame["user"].to_numpy(), log.frame["item"].to_numpy(), len(log.item_ids))
    return (len(log.user_ids), len(log.item_ids)) == (dataset.num_users, dataset.num_items) and np.array_equal(
        np.unique(mine), np.unique(pair_numbers(users, items, dataset.num_items))
    )


def _write_beside_split(
    known: KnownDataset, directory: Path, writers: Mapping[str, Callable[[Path], None]], dataset: Dataset
) -> None:
    """Write files beside the authors' three, and the JSON file that describes all of them."""
    counts = {
        "users": dataset.num_users,
        "items": dataset.num_items,
        "train": dataset.num_train,
        "test": dataset.num_test,
        "negatives_per_test": int(dataset.test_negatives.shape[1]),
    }
    report = {"source": _origin(known), "split": "the authors' own", "counts": counts}
    write_together(directory / known.name, writers, report, kept=SPLIT_SUFFIXES)


def _origin(known: KnownDataset) -> dict[str, Any]:
    remotes = (*known.split, *filter(None, [known.archive]))
    return {"downloaded_from": {remote.url: remote.checksum for remote in remotes}, "licence": known.licence}


class _Cut(Exception):
    """The connection ended before the file did."""


def _connect(remote: RemoteFile, part: _Part, on_progress: Progress, most_bytes: int) -> None:
    """Append to `part` what is missing, or what comes of it before the connection ends."""
    start, url = part.size(), remote.url
    headers = {"User-Agent": f"ncf-keras/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    by_hand = (
        f"; either download {url} by hand, put it at {part.path.with_suffix('')} and run the same command "
        "again, or train without a download, with `--dataset sample`"
    )
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            # What comes must be what follows byte `start`, as was asked; a server may ignore that.
            asked = re.match(rf"bytes {start}-", response.headers.get("Content-Range", ""))
            done = start if asked and response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
            _receive(response, done, remote, part, on_progress, most_bytes)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                # Nothing comes after what is here: it is whole or it is wrong, as its checksum tells.
                return
            raise InputError(
                f"{url} must be there to download. "
                f"Received: HTTP {error.code} {shown(str(error.reason))}{by_hand}"
            ) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"{url} must be reachable. Received: {reason}{by_hand}") from None


def _receive(
    response: http.client.HTTPResponse,
    done: int,
    remote: RemoteFile,
    part: _Part,
    on_progress: Progress,
    most: int,
) -> None:
    length = response.headers.get("Content-Length")
    total = done + int(length) if length and re.fullmatch("[0-9]{1,18}", length) else None
    rule = f"{remote.url} must be of at most {most:,} bytes. Received: "
    if total is not None and total > most:
        raise InputError(f"{rule}{total:,}")
    try:
        part.cut(done)
        on_progress(remote.name, done, total)
        while block := _read(response):
            done += len(block)
            if done > most:
                raise InputError(f"{rule}more")
            part.write(block)
            on_progress(remote.name, done, total)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        need = "room for the download" if full else "files that can be written"
        raise InputError(
            f"{part.path.parent} must have {need}: run the same command again to go on from what is kept "
            f"in {part.path}. Received: {reason_of(error)}"
        ) from None
    if total is not None and done < total:
        raise _Cut(f"{done:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(BLOCK)
    except (http.client.HTTPException, OSError) as error:
        raise _Cut(f"a connection cut off ({error or type(error).__name__})") from None


def _require_checksum(file: Path, remote: RemoteFile, way_on: str) -> None:
    kind, expected = remote.checksum.split(":")
    if (digest := file_digest(file, kind)) != expected:
        called = {"git": "git blob SHA-1"}.get(kind, kind.upper())
        raise InputError(f"{file} must have the {called} {expected} ({way_on}). Received: {digest}")
