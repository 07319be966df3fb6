"""The files of a dataset belong together, so they are replaced together; `held_files.py` reads them together.

No file system renames several files at once. So the JSON file has the SHA-256 of each of the others, and who
stops in between leaves files that it does not describe, which are never taken for a dataset.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import put, require_output
from ncf_keras.base.inputs import kind_of, open_input, reason_of, unreadable
from ncf_keras.base.interrupts import Interrupted, Interrupts
from ncf_keras.base.locks import directory_lock
from ncf_keras.base.staging import left_behind, locked_directory, sweep
from ncf_keras.base.version import __version__
from ncf_keras.data.reading import file_digest

DIGEST = "sha256"
JSON = ".json"
PREPARED_BY = "ncf-keras "
# A longer JSON file is somebody else's.
LONGEST_JSON = 1 << 20
# As many characters of a name as leave room in 255 bytes for what is added, were each of four bytes.
LONGEST_NAME = 50


class Changed(InputError):
    """A dataset is not any more the one that a command goes on from."""


class Seal(NamedTuple):
    """The JSON file of a dataset that was read, and its digest, which tells of every change of the dataset."""

    file: Path
    digest: str


def write_together(
    prefix: Path,
    writers: Mapping[str, Callable[[Path], None]],
    report: Mapping[str, object],
    kept: Sequence[str] = (),
    follows: Seal | None = None,
) -> None:
    """Write files of a dataset and its JSON file; they replace those of their names together, or not at all.

    They are written in a hidden directory beside them, which the next call for that dataset removes if this
    one dies.

    Args:
        prefix: a directory, which must exist, and the name of the dataset, such as `Data/mydata`.
        writers: by suffix, what writes a file to the path that it is given.
        report: what the JSON file says besides the digests.
        kept: suffixes of the files that are there and stay as they are.
        follows: of the dataset that this one goes on from, which must not have changed if it is replaced.

    Raises:
        InputError: there is no room, or another command is writing there.
        Changed: another command has changed the dataset that this one goes on from, whose rows would be lost.
    """
    in_place = follows is not None and follows.file == sealed_file(prefix)
    with _replacing(prefix, (*writers, JSON), follows.digest if follows and in_place else None) as new:
        for suffix, write in writers.items():
            write(new[suffix])
        described = {suffix: Path(f"{prefix}{suffix}") for suffix in kept} | dict(new)
        digests = {suffix: file_digest(described[suffix], DIGEST) for suffix in (*kept, *writers)}
        whole = {"prepared_by": f"{PREPARED_BY}{__version__}", **report, "files": digests}
        text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
        # A file name that is not UTF-8 becomes an escape of JSON.
        new[JSON].write_text(text, encoding="utf-8", errors="backslashreplace")


def sealed_file(prefix: str | os.PathLike) -> Path:
    """Return the JSON file of a dataset, as it is called without links."""
    return Path(os.path.realpath(f"{os.fspath(prefix)}{JSON}"))


def seal_of(prefix: str | os.PathLike) -> Seal | None:
    """Return the seal of a dataset, None if it has no JSON file."""
    file = sealed_file(prefix)
    return Seal(file, file_digest(file, DIGEST)) if kind_of(file) == "a file" else None


def copy_together(source: Path, prefix: Path, known: Set[str], follows: str | None = None) -> None:
    """Copy the files of a dataset that `write_together` wrote; they replace those of `prefix` together.

    Files of `prefix` that `source` has not are removed, so that nothing stays of who asked to be forgotten.

    Args:
        source: the prefix of what is copied.
        prefix: as of `write_together`.
        known: the suffixes that a dataset may have.
        follows: the digest of the seal that `prefix` must have, if it is no copy of `source` yet.

    Raises:
        InputError: as there; or `source` has no JSON file.
        Changed: as there.
    """
    json_of_source = Path(f"{source}{JSON}")
    with open_input(json_of_source):
        suffixes = (*digests_in(json_of_source, known - {JSON}), JSON)
    with _replacing(prefix, suffixes, follows) as new:
        for suffix in suffixes:
            shutil.copyfile(f"{source}{suffix}", new[suffix])
    with room_in(prefix.parent):
        for suffix in known - set(suffixes):
            Path(os.path.realpath(f"{prefix}{suffix}")).unlink(missing_ok=True)


@contextlib.contextmanager
def _replacing(
    prefix: Path, suffixes: Sequence[str], follows: str | None = None
) -> Iterator[Mapping[str, Path]]:
    """Yield a path for each new file, in a hidden directory; when the block has ended, they get their names."""
    paths = {suffix: Path(f"{prefix}{suffix}") for suffix in suffixes}
    for path in paths.values():
        require_output(path)
    with hidden_directory(prefix) as directory:
        new = {suffix: directory / f"new{suffix}" for suffix in paths}
        yield new
        _replace(prefix, new, paths, follows)


def finish_replacing(prefix: Path, suffixes: Collection[str]) -> None:
    """Give those files their names that a command killed in `write_together` had not come to.

    Its JSON file had its name first, and says which they are. So nothing is lost where a dataset replaces the
    one that it was made of. Where there is nothing to do, nothing is touched.

    Args:
        prefix: as of `write_together`.
        suffixes: of the files that the dataset may have.
    """
    with contextlib.suppress(OSError):
        for directory in left_behind(prefix.parent, _hidden(prefix)):
            with directory_lock(prefix.parent) as locked:
                known = set(suffixes) - {JSON}
                expected = digests_in(Path(f"{prefix}{JSON}"), known) if locked else {}
                for suffix, digest in expected.items():
                    path, new = Path(f"{prefix}{suffix}"), directory / f"new{suffix}"
                    is_left = kind_of(new) == "a file" and file_digest(new, DIGEST) == digest
                    if is_left and (kind_of(path) is None or file_digest(path, DIGEST) != digest):
                        put(new, path)


@contextlib.contextmanager
def room_in(directory: Path) -> Iterator[None]:
    """Turn a full disk, and whatever else keeps files from being written, into a sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{directory} must be a directory with room for the dataset. Received: {reason_of(error)}"
        ) from None


@contextlib.contextmanager
def hidden_directory(prefix: Path) -> Iterator[Path]:
    """Yield a new directory beside a dataset, removed afterwards; those that dead commands left go first.

    `prefix` is as of `write_together`; InputError says that there is no room.
    """
    hidden = _hidden(prefix)
    with room_in(prefix.parent):
        sweep(prefix.parent, hidden)
        with locked_directory(prefix.parent, hidden, needs_lock=False) as directory:
            yield directory


def _hidden(prefix: Path) -> str:
    """Return what the name of a hidden directory begins with in which the files of a dataset are written."""
    return f".writing-{prefix.name[:LONGEST_NAME]}-"


def _replace(prefix: Path, new: Mapping[str, Path], paths: Mapping[str, Path], follows: str | None) -> None:
    """Give the new files their names, while no other command does the same and no signal stops it."""
    with directory_lock(prefix.parent) as locked:
        if not locked:
            raise InputError(f"`prefix` must be a prefix that no other command is writing. Received: {prefix}")
        if follows is not None:
            now = seal_of(prefix)
            if now is None or now.digest not in (follows, file_digest(new[JSON], DIGEST)):
                raise Changed(
                    "`prefix` must be of a dataset that no other command changes meanwhile: run this one "
                    f"again. Received: {prefix}, which was changed"
                )
        # What was there may have no digests of its own, so the new ones come first; else they come last, as a
        # sign that all is there.
        first = [JSON] if any(kind_of(path) for path in paths.values()) else []
        with Interrupts() as interrupts:
            for suffix in [*first, *(suffix for suffix in paths if suffix not in first)]:
                try:
                    put(new[suffix], paths[suffix])
                except OSError as error:
                    directory = new[suffix].parent
                    # Kept for `finish_replacing`.
                    directory.rename(directory.with_name(f"{directory.name}_"))
                    rule = f"{paths[suffix]} must be a file that can be replaced"
                    state = f"the files of {prefix} are of two runs now: run the command again"
                    raise InputError(f"{rule} ({state}). Received: {reason_of(error)}") from None
    if interrupts.received:
        raise Interrupted(interrupts.received, f"Interrupted when {prefix} was complete.")


def report_in(file: Path) -> dict[str, Any] | None:
    """Return what the JSON file of a dataset says, which nobody has checked; None if it is missing or not ours.

    InputError if it is no JSON at all, which may have been ours.
    """
    if kind_of(file) != "a file":
        return None
    try:
        with open_input(file) as stream:
            text = stream.read(LONGEST_JSON + 1)
    except OSError as error:
        raise unreadable(file, error) from None
    try:
        report = json.loads(text) if len(text) <= LONGEST_JSON else None
    except (ValueError, RecursionError):
        raise damaged(file) from None
    is_ours = isinstance(report, dict) and str(report.get("prepared_by")).startswith(PREPARED_BY)
    return report if is_ours else None


def damaged(file: Path) -> InputError:
    """Return what to say of a JSON file that is not as it was written."""
    return InputError(f"{file} must be JSON as it was written; remove it if that was meant. Received: other")


def digests_in(file: Path, known: Set[str]) -> dict[str, str]:
    """Return the digest of each file by its suffix; none if the JSON file is missing, older or not ours.

    InputError if it is ours and its digests are damaged, or if it is no JSON at all, which may have been ours.
    """
    files = (report_in(file) or {}).get("files", {})
    if not isinstance(files, dict) or not files.keys() <= known:
        raise damaged(file)
    if not all(isinstance(digest, str) for digest in files.values()):
        raise damaged(file)
    return files
