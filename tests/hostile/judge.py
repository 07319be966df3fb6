"""What a drawn command line is allowed to change in its pool."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.draws import Draw, Use
from tests.hostile.pool import Entry

EVENTS = re.compile(r"events\.out\.tfevents\.\S+")
CHECKPOINT = re.compile(r"epoch-\d{6}(-step-\d{8})?\.checkpoint")
HALF_CHECKPOINT = re.compile(r"\.writing-epoch-.+\.part")
SPLIT = (
    ".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv", ".waiting.csv", ".json",
    ".cold.rating", ".validation.rating",
)  # fmt: skip


class Judge:
    """What a draw may change in its pool; made before the command runs.

    Args:
        draw: the command line.
        pool: the directory it runs in.
        before: what lies there.
    """

    def __init__(self, draw: Draw, pool: Path, before: dict[str, Entry]):
        self._draw, self._pool, self._before = draw, pool, before
        self._inputs = {self._inode(path) for path in self._read()} - {None}
        self._resumable = any(use.role == "checkpoints" for use in draw.uses)
        self._uses = [(use.role, use.path, self._real(use)) for use in draw.uses]

    def problems(self, ended, after: dict[str, Entry]) -> Iterator[str]:
        """Yield what is wrong with the end of a draw."""
        draw, text = self._draw, ended.out + ended.err
        if ended.status is None:
            yield "it did not end in time"
        elif ended.status not in (0, 1, 2, 75, 130, 143):
            yield f"its status is {ended.status}"
        for word in (b"Traceback (most", b"Exception ignored", b"Fatal Python error", b"Warning: "):
            if word in text:
                yield f"it printed {word.decode()!r}"
        if ended.status == 2 and not ended.err.strip() and draw.streams["stderr"] == "file":
            yield "it says nothing about why it ended with 2"
        to_stream = any(self._is_stream(path) for role, path, _ in self._uses if role in ("file", "stream"))
        if b"\x1b" in (ended.err if draw.prints_data or to_stream else text):
            yield "it printed a raw escape"
        if ended.status == 0:
            yield from self._shared_outputs()
        began = ended.status == 0 or b"Init: HR" in ended.out or draw.streams["stdout"] != "file"
        succeeded = ended.status == 0 or draw.streams["stdout"] != "file"
        for path in sorted(self._before.keys() | after.keys()):
            old, new = self._before.get(path), after.get(path)
            if (old != new if old is None or new is None else not old.same(new)) and not self._may_change(
                path, old, new, succeeded, began, after
            ):
                yield f"{path!a}: {_in_words(old)} became {_in_words(new)}"

    def _shared_outputs(self) -> Iterator[str]:
        outputs = [real for role, _, real in self._uses if role in ("file", "stream")]
        for real in {real for real in outputs if outputs.count(real) > 1}:
            status = os.stat(real) if os.path.exists(real) else None  # noqa: PTH110, PTH116
            if status and stat.S_ISREG(status.st_mode) and real.startswith(str(self._pool)):
                yield f"two outputs were written to {real!a}"

    def _may_change(self, path, old, new, succeeded, began, after) -> bool:
        full = os.path.join(self._pool, path)  # noqa: PTH118
        regular = all(entry is None or entry.kind == stat.S_IFREG for entry in (old, new))
        if old is not None and old.inode in self._inputs and not self._draw.in_place:
            return False
        if old is None and new.kind == stat.S_IFDIR and self._leads_to_output(full, succeeded):
            return True
        name = os.path.basename(path)  # noqa: PTH119
        for role, given, real in self._uses:
            inside = full.startswith(real + "/")
            direct = inside and os.path.dirname(full) == real  # noqa: PTH120
            if role == "file" and succeeded and regular and new and full == real:
                return True
            is_named = full == real or (old is not None and old.inode == self._inode(given))
            if role == "stream" and regular and new and is_named:
                # It is made when the command begins, and empty as long as nothing is written.
                return began or (old is None and os.path.getsize(full) == 0)  # noqa: PTH202
            if role == "prefix" and succeeded and regular and new and full in {real + one for one in SPLIT}:
                return True
            if role == "checkpoints" and direct:
                if name == ".lock" and old is None and regular:
                    return True
                if name.endswith(".damaged") and old is None and self._draw.resumes:
                    return self._before[path.removesuffix(".damaged")].what == new.what
                if CHECKPOINT.fullmatch(name) and regular:
                    return old is None or (self._draw.resumes and new is None) or began
                if HALF_CHECKPOINT.fullmatch(name) and new is None:
                    return True
            if role == "models" and direct and old is None and regular:
                # A run that can be resumed keeps its name for the model.
                claimed = name.startswith(".") and name.endswith(".claim") and self._resumable
                if claimed or (not name.startswith(".") and began):
                    return True
            if role == "versions" and inside:
                parts = full[len(real) + 1 :].split("/")
                if old is None and succeeded and parts[0].isdigit():
                    return f"{os.path.relpath(real, self._pool)}/{parts[0]}" not in self._before
                if new is None and parts[0] == ".exporting-dead":
                    return True
            if role == "curves" and direct and old is None and EVENTS.fullmatch(name):
                return True
            if role == "downloads" and direct and old is None and name.endswith(".part") and regular:
                return True
        return False

    def _leads_to_output(self, full: str, succeeded: bool) -> bool:
        roles = ("checkpoints", "models", "versions", "curves", "downloads")
        for role, _, real in self._uses:
            leads = real == full or real.startswith(full + "/")
            if leads and (role in roles or (role == "prefix" and real != full)):
                return True
            if role == "versions" and full.startswith(real + "/") and succeeded:
                return True
        return False

    def _read(self) -> Iterator[str]:
        for use in self._draw.uses:
            if use.role == "input":
                yield use.path
                # A directory is read with all that is in it, but for a log alone.
                for folder, _, names in os.walk(os.path.join(self._pool, use.path)):  # noqa: PTH118
                    yield from (os.path.join(folder, name) for name in names if self._draw.command == "prepare")  # noqa: PTH118
            elif use.role == "data":
                for suffix in (*SPLIT, ".train.parquet"):
                    yield use.path.replace("{slash}", "") + suffix
                    yield use.path.replace("/{slash}", "") + suffix

    def _real(self, use: Use) -> str:
        path = os.path.join(self._pool, use.path.replace("{pool}", str(self._pool)))  # noqa: PTH118
        if use.role == "prefix":
            # It is no file itself.
            return str(Path(os.path.realpath(Path(path).parent), Path(path).name))
        real = os.path.realpath(path)
        return "/" if real == "/" else real.rstrip("/")

    def _inode(self, path: str) -> int | None:
        try:
            return os.stat(os.path.join(self._pool, path.replace("{pool}", str(self._pool)))).st_ino  # noqa: PTH116, PTH118
        except (OSError, ValueError):
            return None

    def _is_stream(self, path: str) -> bool:
        return "/dev/" in path or "/proc/" in path


def _in_words(entry: Entry | None) -> str:
    if entry is None:
        return "nothing"
    names = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe"}
    return f"{names.get(entry.kind, 'special')} {entry.mode:o} {str(entry.what)[:8]}"
