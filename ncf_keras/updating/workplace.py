"""Where an update is worked out, and from where it is put in place: a hidden directory beside the dataset.

The files of the grown dataset and the new weights are first written there, and last a plan. Killed before the
plan is there, an update has changed nothing. Afterwards they are copied to where they are used, and the next
version of the served model is exported from them. Killed then, the next update does what the plan says from
its beginning, which does no harm where some of it was done. So there is one moment, the rename of the plan, at
which an update has happened.

    .update-NAME/lock           held by the command that works there
    .update-NAME/NAME.*         the files of the grown dataset
    .update-NAME/weights.*      the weights of the new model, if it is to be published
    .update-NAME/plan.json      what is to be put in place
    .update-NAME/last.json      what the last update did
"""

import contextlib
import glob
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import remove_leftovers, writable_directory, written_beside
from ncf_keras.base.flushing import flush_to_disk
from ncf_keras.base.inputs import kind_of, open_input, unreadable
from ncf_keras.base.interrupts import Interrupted, Interrupts
from ncf_keras.base.locks import directory_lock, try_lock
from ncf_keras.data import Dataset, read_dataset
from ncf_keras.data.dataset_files import dataset_prefix, prepared_paths
from ncf_keras.data.earlier import require_prepared
from ncf_keras.data.features import Feature
from ncf_keras.data.reading import file_digest
from ncf_keras.data.resplit import with_tests_in_train
from ncf_keras.data.sealed_files import DIGEST, LONGEST_JSON, Changed, copy_together
from ncf_keras.serving.asked import Asked, read_asked
from ncf_keras.serving.export import export_model
from ncf_keras.serving.publishing import remove_version, versions
from ncf_keras.updating.news import Newest
from ncf_keras.weights import SUFFIXES, format_of, load_model

PLAN, LAST, LOCK = "plan.json", "last.json", "lock"
PLANNED = {
    "identity": str, "follows": str, "weights": str, "directory": str, "publish": bool, "keep": int,
    "asked": dict, "report": dict,
}  # fmt: skip
DONE = {"identity": str, "left": list, "report": dict}
# What a version has of the update that published it: which one, and digests of its weights and its dataset.
MARK = "assets.extra/ncf_update.json"

Document = dict[str, Any]


class Workplace:
    """The directory where one update at a time is worked out; enter it with `opened`.

    Args:
        path, name: of the dataset, as of `read_dataset`.
        weights: the weight file of the served model, which a published update replaces.
        to: the directory of the served model.
    """

    def __init__(self, path: str, name: str, weights: str, to: str):
        self._named = path, name
        self._prefix = Path(dataset_prefix(path, name))
        # Not `name`, before which there may be more of the files' names, as in the authors' code.
        self._name = self._prefix.name
        self._weights, self._to = Path(weights), Path(to)
        self._directory = self._prefix.parent / f".update-{self._name}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[Document | None]:
        """Keep other updates of the dataset and of the served model out while the block runs.

        What an earlier update had planned is put in place first, and what it had only begun is removed. Yields
        the report of an update that was so completed.

        Raises:
            InputError: the dataset is not there; another update is at work; one that was stopped was for other
                files; or the weights or the served model would lie among its files.
        """
        self._require_apart()
        # Before a directory is made for one that is not there.
        require_prepared(*self._named)
        writable_directory(self._directory, "path")
        writable_directory(self._to, "directory")
        with try_lock(self._directory / LOCK) as alone, directory_lock(self._to, patience=0) as alone_there:
            for argument, path, got in (("name", self._prefix, alone), ("directory", self._to, alone_there)):
                if not got:
                    raise InputError(
                        f"`{argument}` must be one that no other update is working on. Received: {path}"
                    )
            try:
                finished = self._finish()
            except Changed:
                raise InputError(
                    "`name` must be of a dataset that nobody changes before an update that was stopped is "
                    f"complete (to give that one up, remove {self._directory / PLAN}). "
                    f"Received: {self._prefix}, which was changed"
                ) from None
            self._clear()
            try:
                yield finished
            finally:
                # What could not be done leaves no copy of the rows either.
                if kind_of(self._directory / PLAN) is None:
                    self._clear()

    @property
    def prefix_of_new(self) -> Path:
        """What the names of the files of the grown dataset begin with, until they are put in place."""
        return self._directory / self._name

    @property
    def new_weights(self) -> Path:
        """The file of the new weights, until it is put in place."""
        return self._directory / f"weights{SUFFIXES[format_of(self._weights)]}"

    def last(self, identity: str) -> Document | None:
        """Return the report of the last update if it was the one of this identity and nothing changed since."""
        done = self._read(LAST, DONE)
        if done is None or (done["identity"], done["left"]) != (identity, self._left()):
            return None
        there = {path.name for path in versions(self._to).values()}
        exported = done["report"].get("exported")
        is_served = Path(exported).name in there if isinstance(exported, str) else bool(there)
        return done["report"] if is_served else None

    def newest(self, follows: str, asked: Asked) -> Newest | None:
        """Return what is known of the newest version, None if there is none.

        Args:
            follows: the digest of the seal of the dataset before the update.
            asked: what the update asks of its export.
        """
        there = list(versions(self._to).values())
        if not there:
            return None
        made = _read_mark(there[-1])
        has_dataset, has_weights = (
            made[key] == digest if key in made else None
            for key, digest in (("dataset", follows), ("weights", file_digest(self._weights, DIGEST)))
        )
        before = read_asked(there[-1])
        if before is not None and not asked.flags().items() <= before.flags().items():
            has_dataset = False
        return Newest(str(there[-1]), has_dataset, has_weights, before)

    def put_in_place(self, identity: str, follows: str, report: Document, keep: int, asked: Asked) -> Document:
        """Put the new dataset, and the new weights if there are any, where they are used; return the report.

        Args:
            identity: what tells this update from another one.
            follows: the digest of the seal of the dataset that the new one has grown from.
            report: what it did; where it was published is added.
            keep: how many of the versions that updates published are kept.
            asked: what is asked of the export; its group is a feature of the new dataset.

        Raises:
            Changed: another command has changed the dataset meanwhile; nothing is put in place.
        """
        targets = str(self._weights.resolve()), str(self._to.resolve())
        values = (identity, follows, *targets, self.new_weights.is_file(), keep, asked.to_json(), report)
        for file in self._directory.iterdir():
            flush_to_disk(file)
        self._write(PLAN, dict(zip(PLANNED, values, strict=True)))
        try:
            done = self._finish()
        except Changed:
            (self._directory / PLAN).unlink()
            raise
        assert done is not None
        return done

    def _finish(self) -> Document | None:
        """Put in place what the plan says, if there is one, and return the report; no signal stops it."""
        plan = self._read(PLAN, PLANNED)
        if plan is None:
            return None
        for argument, path in (("weights", self._weights), ("directory", self._to)):
            if plan[argument] != str(path.resolve()):
                raise InputError(
                    f"`{argument}` must be {plan[argument]} until the update that was stopped is complete. "
                    f"Received: {path}"
                )
        asked = Asked.from_json(plan["asked"])
        with Interrupts() as interrupts:
            copy_together(self.prefix_of_new, self._prefix, prepared_paths("").keys(), plan["follows"])
            report = dict(plan["report"])
            if plan["publish"]:
                dataset = read_dataset(f"{self._prefix.parent}/", self._name)
                report["exported"] = self._publish(plan["identity"], with_tests_in_train(dataset), asked)
                remove_leftovers(self._weights)
                with written_beside(self._weights) as temporary:
                    shutil.copyfile(self.new_weights, temporary)
                report["left_alone"] = self._prune(plan["keep"])
            for file in (self._weights, *self._prefix.parent.glob(f"{glob.escape(self._name)}.*")):
                flush_to_disk(file)
            self._write(LAST, {"identity": plan["identity"], "left": self._left(), "report": report})
            (self._directory / PLAN).unlink()
        if interrupts.received:
            raise Interrupted(
                interrupts.received, f"Interrupted when the update of {self._prefix} was complete."
            )
        return report

    def _publish(self, identity: str, dataset: Dataset, asked: Asked) -> str:
        """Export the new weights; return the version, which may be there already by its mark: as the newest."""
        files = {"weights": self.new_weights, "dataset": Path(f"{self._prefix}.json")}
        digests = {name: file_digest(file, DIGEST) for name, file in files.items()}
        mark = json.dumps({"identity": identity, **digests})
        for version in list(versions(self._to).values())[-1:]:
            if _mark_of(version) == mark:
                return str(version)
        exported = export_model(
            load_model(self.new_weights),
            dataset,
            self._to,
            group=_group(dataset, asked),
            beside={MARK: mark.encode(), **asked.beside()},
            candidates=asked.candidates,
            recall=asked.recall,
        )
        return str(exported)

    def _prune(self, keep: int) -> list[str]:
        """Remove the oldest versions of updates beyond `keep`; return those of others, which are left alone."""
        there = versions(self._to).values()
        published = [version for version in there if _mark_of(version)]
        for version in published[:-keep]:
            remove_version(version)
        return [str(version) for version in there if version not in published]

    def _left(self) -> list[str]:
        """Return what tells whether all is as an update left it: digests, and where the model is."""
        files = (Path(f"{self._prefix}.json"), self._weights)
        places = (self._weights, self._to)
        return [*(file_digest(file, DIGEST) for file in files), *(str(path.resolve()) for path in places)]

    def _require_apart(self) -> None:
        here = self._directory.resolve()
        for argument, path in (("weights", self._weights), ("directory", self._to)):
            if path.resolve().is_relative_to(here):
                raise InputError(f"`{argument}` must not be in {self._directory}. Received: {path}")
        if self._to.resolve() == here.parent:
            raise InputError(
                f"`directory` must be another directory than that of the dataset. Received: {self._to}"
            )

    def _clear(self) -> None:
        """Remove what an update has worked out, but not what it did."""
        for leftover in self._directory.iterdir():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            elif leftover.name not in (LOCK, LAST):
                leftover.unlink()

    def _write(self, name: str, document: Document) -> None:
        """Write a document that appears whole, on the disk itself, before anything that follows."""
        with written_beside(self._directory / name) as temporary:
            temporary.write_text(json.dumps(document), encoding="utf-8")
            flush_to_disk(temporary)
        flush_to_disk(self._directory)

    def _read(self, name: str, has: Mapping[str, type]) -> Document | None:
        """Return a document with values of such types by their keys, None if there is none."""
        file = self._directory / name
        if kind_of(file) is None:
            return None
        try:
            with open_input(file) as stream:
                document = json.loads(stream.read(LONGEST_JSON))
        except OSError as error:
            raise unreadable(file, error) from None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or any(type(document.get(key)) is not has[key] for key in has):
            raise InputError(
                f"{file} must be as an update wrote it; remove it if that is lost. Received: other"
            )
        return document


def _group(dataset: Dataset, asked: Asked) -> Feature | None:
    if asked.group is None:
        return None
    assert dataset.item_features is not None, "the group was found in it before the plan was made"
    return dataset.item_features.groups()[asked.group]


def _read_mark(version: Path) -> Document:
    """Return what the mark of a version says, nothing if it has none or a damaged one."""
    try:
        mark = json.loads(_mark_of(version))
    except (ValueError, RecursionError):
        return {}
    return mark if isinstance(mark, dict) else {}


def _mark_of(version: Path) -> str:
    """Return what an update wrote beside a version, empty if none did."""
    file = version / MARK
    if kind_of(file) != "a file":
        return ""
    with open_input(file) as stream:
        return stream.read(LONGEST_JSON).decode("utf-8", "replace")
