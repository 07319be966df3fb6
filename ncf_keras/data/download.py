"""A known dataset from its publishers into a directory, ready to train on.

Where the authors published their split (ml-1m, pinterest-20) it is taken as it is; the raw archive then only
adds the ids and titles. The other MovieLens sets are prepared from the raw log, as `run/prepare.py` would.
"""

import contextlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory, written_beside
from ncf_keras.base.version import __version__
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.fetch import Progress, fetch
from ncf_keras.data.id_files import write_ids
from ncf_keras.data.known_datasets import KnownDataset
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.prepared_files import prepared_paths, write_prepared
from ncf_keras.data.rating_files import read_dataset
from ncf_keras.data.raw_log import describe_source, read_log
from ncf_keras.data.tidy_log import TidyLog
from ncf_keras.data.titles import read_titles, titles_of

# The largest log known, that of ml-20m, has 533 MB.
MOST_UNPACKED_BYTES = 1 << 30


def download_dataset(
    known: KnownDataset,
    directory: Path,
    on_progress: Progress = lambda name, done, total: None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Dataset:
    """Download a dataset, or what is missing of it, and prepare it.

    Args:
        known: one of `KNOWN_DATASETS`.
        directory: where to; made if it is missing. The archive stays there, so that it is downloaded once.
        on_progress: told the file, the bytes that are here, and the bytes of the whole, None if not known.
        on_step: told what is done in a sentence.

    Returns:
        The dataset, read back from the files.

    Raises:
        InputError: a download fails (see `fetch`), a file of that name is there with other contents, or the
            archive does not hold what it should.
    """
    directory = writable_directory(directory, "--path")
    paths = prepared_paths(directory / known.name)
    if not known.split and all(path.exists() for path in paths.values()):
        on_step(f"{known.name} is there already.")
        return read_dataset(directory, known.name)
    for remote in known.split:
        fetch(remote, directory, on_progress)
        on_step(f"{directory / remote.name}: the authors' own file, git blob SHA-1 verified.")
    if known.archive is None:
        _write_report(known, paths[".json"], read_dataset(directory, known.name))
    else:
        archive = fetch(known.archive, directory, on_progress)
        on_step(f"{archive}: from {known.archive.url}, MD5 verified.")
        _use_archive(known, directory, archive, on_progress, on_step)
    return read_dataset(directory, known.name)


def _use_archive(
    known: KnownDataset, directory: Path, archive: Path, on_progress: Progress, on_step: Callable[[str], None]
) -> None:
    with _unpacked(archive, (known.log, known.titles)) as (log_file, titles_file):
        size = log_file.stat().st_size
        log, layout = read_log(log_file, on_read=lambda done: on_progress(known.log, done, size))
        titles = read_titles(titles_file)
        if known.split:
            _add_ids(known, directory, log, titles)
            on_step(f"{known.log} of the archive: raw ids and titles for the authors' indices.")
        else:
            source = {**describe_source(log_file, layout, titles_file), **_origin(known)}
            prepared = prepare(log, PrepareOptions())
            write_prepared(directory / known.name, prepared, source, titles_of(prepared.item_ids, titles))
            on_step(f"{known.log} of the archive: prepared as run/prepare.py does, every rating a positive.")


@contextlib.contextmanager
def _unpacked(archive: Path, members: tuple[str, ...]) -> Iterator[list[Path]]:
    """Yield the named members of a zip archive as files of a directory that is removed afterwards.

    Nothing else is unpacked, and each gets a name of ours, so no path in an archive leads anywhere.
    """
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=archive.parent) as folder:
        try:
            with _room_in(archive.parent), zipfile.ZipFile(archive) as package:
                files = [_unpack(package, member, Path(folder)) for member in members]
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise InputError(
                f"{archive} must be a zip archive that can be unpacked. Received: {error}"
            ) from None
        yield files


@contextlib.contextmanager
def _room_in(directory: Path) -> Iterator[None]:
    """Turn a full disk, and whatever else keeps files from being written, into a sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{directory} must be a directory with room for the dataset. Received: {error.strerror}"
        ) from None


def _unpack(package: zipfile.ZipFile, member: str, folder: Path) -> Path:
    try:
        entry = package.getinfo(member)
    except KeyError:
        raise InputError(f"{package.filename} must hold {member}. Received: an archive without it") from None
    if entry.file_size > MOST_UNPACKED_BYTES:
        raise InputError(
            f"{member} in {package.filename} must have at most {MOST_UNPACKED_BYTES:,} bytes. "
            f"Received: {entry.file_size:,}"
        )
    file = folder / Path(member).name
    # zipfile stops at the declared size and checks the CRC.
    with package.open(entry) as source, file.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return file


def _add_ids(known: KnownDataset, directory: Path, log: TidyLog, titles: Mapping[str, str]) -> None:
    """Write the raw ids of the authors' indices, which are numbered in the log's order of first appearance."""
    dataset = read_dataset(directory, known.name)
    if not _same_pairs(log, dataset):
        raise InputError(
            f"{known.log} of {known.archive.name} must hold the pairs of the authors' {known.name} files. "
            "Received: others; the authors' files can be trained on, but their raw ids are not known"
        )
    paths = prepared_paths(directory / known.name)
    users_file, items_file = paths[".users.csv"], paths[".items.csv"]
    with _room_in(directory), written_beside(users_file) as users, written_beside(items_file) as items:
        write_ids(users, "user_id", log.user_ids)
        write_ids(items, "item_id", log.item_ids, titles_of(log.item_ids, titles))
    _write_report(known, paths[".json"], dataset)


def _same_pairs(log: TidyLog, dataset: Dataset) -> bool:
    users = np.concatenate([dataset.train_users, dataset.test_users]).astype(np.int64)
    items = np.concatenate([dataset.train_items, dataset.test_items])
    mine = log.frame["user"].to_numpy(np.int64) * len(log.item_ids) + log.frame["item"].to_numpy()
    return (len(log.user_ids), len(log.item_ids)) == (dataset.num_users, dataset.num_items) and np.array_equal(
        np.unique(mine), np.unique(users * dataset.num_items + items)
    )


def _write_report(known: KnownDataset, file: Path, dataset: Dataset) -> None:
    report = {
        "prepared_by": f"ncf-keras {__version__}",
        "source": _origin(known),
        "split": "the authors' own",
        "counts": {
            "users": dataset.num_users,
            "items": dataset.num_items,
            "train": dataset.num_train,
            "test": dataset.num_test,
            "negatives_per_test": int(dataset.test_negatives.shape[1]),
        },
    }
    with _room_in(file.parent), written_beside(file) as beside:
        beside.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _origin(known: KnownDataset) -> dict[str, object]:
    remotes = known.split + (() if known.archive is None else (known.archive,))
    return {
        "downloaded_from": {remote.url: remote.checksum for remote in remotes},
        "licence": known.licence,
    }
