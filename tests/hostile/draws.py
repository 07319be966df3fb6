"""Command lines drawn at random, with paths as nobody would choose them, and what each is allowed to change."""

import os
import random
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.hostile.pool import FEW, Entry

# What may lie at a path that a draw makes up.
KINDS = (
    "empty", "copy", "copy", "unreadable", "protected", "junk", "link", "hard link", "dangling", "dangling far",
    "loop", "link to null", "link to directory", "directory", "pipe", "read pipe", "socket", "null device",
    "full device", "missing", "missing",
)  # fmt: skip
NAMES = (
    "plain", "with space", "esc\x1b[31m\x1b]0;title\x07", "new\nline", "[red]markup[bold]", "caf\udce9\udcff",
    "ümlaut", "-dash", "x" * 200, "%s%n", "a,b", "$HOME", "*", "'\"", "~", "x" * 80, ".hidden",
)  # fmt: skip
# Paths that are there, or can't be, in every pool.
ANYWHERE = (
    "/dev/null", "/dev/full", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/zero", "/proc/self/fd/1",
    "/dev/fd/2", "/proc/self/mem", "gmf.h5", "link.h5", "hard.h5", "gmf.keras", "log.csv", "hard.csv",
    "run.csv", "figures.json", "Data/v.train.rating", "Data/v.items.csv", "Data/v.json",
    "link-Data/v.users.csv", "precious",
    "locked/gmf.h5", "locked/new", "unsearchable/log.csv", "read-only/gmf.h5", "read-only/new", "others/gmf.h5",
    "others/new", "missing/new", "gmf.h5/new", "x" * 300, "Data/" + "y" * 300, "d/" * 3000 + "x",
    "ck/epoch-000001.checkpoint", "ck/.lock", "served/1/saved_model.pb", "Data", "saved/v_GMF_4_1.h5", "", "-",
    "model/../gmf.h5", "users.txt", "movies.csv", "tb", "..", "/", "Data/.writing-foreign.part",
)  # fmt: skip
DIRECTORIES = (
    "saved", "link-saved", "model", "new-directory", "new/deep/directory", "ck", "link-ck", "ck-cut", "ck-odd",
    "ck-new", "ck-lock-link", "ck-lock-pipe", "ck-lock-directory", "served", "tb", "Data", ".", "locked",
    "locked/new", "unsearchable", "unsearchable/Data", "read-only", "read-only/new", "others", "gmf.h5",
    "gmf.h5/new", "precious", "/dev/null", "/dev/stdout", "x" * 300, "d/" * 3000, "", "dl-pipe", "dl-part",
    "dl-link",
)  # fmt: skip
SETS = ("v", "v", "v", "v", "w", "missing", "empty", "junk", "loop", "pipe", "x" * 300, "../Data/v", "sample")
SUFFIXES = {"h5": ".h5", "keras": ".keras", "weights": ".weights.h5"}
EVENTS = re.compile(r"events\.out\.tfevents\.\S+")
CHECKPOINT = re.compile(r"epoch-\d{6}(-step-\d{8})?\.checkpoint")
HALF_CHECKPOINT = re.compile(r"\.writing-epoch-.+\.part")
LENIENT = ("full", "broken", "closed")


class Use(NamedTuple):
    """A path in a command line.

    Its role is `input`, `data` (the prefix of a dataset), `file`, `stream` (a file that fills bit by bit),
    `prefix`, `checkpoints`, `models`, `versions`, `curves` or `downloads`.
    """

    role: str
    path: str


class Draw:
    """A command line, what lies at the paths that it makes up, and the streams that it runs with."""

    def __init__(self, seed: object, commands: tuple[str, ...]):
        self._random = random.Random(str(seed))
        self.command = self._random.choice(commands)
        self.arguments: list[str] = []
        self.uses: list[Use] = []
        # Name, kind, and the good path that it stands for.
        self.entries: list[tuple[str, str, str]] = []
        self.prints_data = self.in_place = self.resumes = False
        getattr(self, f"_{'train' if self.command in ('GMF', 'MLP', 'NeuMF') else self.command}")()
        self.streams = {
            "stdin": self._random.choice(("file", "file", "file", "closed")),
            "stdout": self._of(("file",) * 30 + ("closed", "full", "broken")),
            "stderr": self._of(("file",) * 40 + ("closed", "full")),
        }

    def __str__(self) -> str:
        made = "".join(f"\n    {name[:60]!a}: {kind}, for {good}" for name, kind, good in self.entries)
        shown = " ".join(ascii(one) if len(one) < 500 else ascii(one[:40]) + "…" for one in self.arguments)
        odd = {name: kind for name, kind in self.streams.items() if kind != "file"}
        return f"{self.command} {shown} {odd or ''}{made}"

    def _of(self, choices):
        return self._random.choice(choices)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _flag(self, flag: str, role: str, good: tuple[str, ...], suffix: str = "") -> None:
        path = self._path(role, good, suffix)
        self.uses.append(Use(role, path))
        if not flag:
            # argparse would take it for a flag.
            self.arguments.append(path if not path.startswith("-") or path == "-" else f"./{path}")
        elif self._chance(0.5) or path.startswith("-"):
            self.arguments.append(f"{flag}={path}")
        else:
            self.arguments += [flag, path]

    def _path(self, role: str, good: tuple[str, ...], suffix: str) -> str:
        """Return a path: half of the time a good one, else one used already, a strange one, a made-up one."""
        choice = self._random.random()
        fitting = self._of(good)
        if choice < 0.5:
            path = fitting
        elif choice < 0.6 and self.uses:
            path = self._of(self.uses).path
        elif role in ("checkpoints", "models", "versions", "curves", "downloads", "data") and choice < 0.85:
            path = self._of(DIRECTORIES)
        elif choice < 0.75:
            path = self._of(ANYWHERE)
        else:
            path = self._made_up(fitting, suffix)
        return self._spelled(path) if self._chance(0.3) else path

    def _made_up(self, good: str, suffix: str) -> str:
        kind = self._of(KINDS)
        stem = self._of(NAMES)
        name = f"{stem}{'' if len(stem) > 100 and self._chance(0.5) else suffix}"
        if kind != "missing" and name not in [entry[0] for entry in self.entries]:
            self.entries.append((name, kind, good))
        return name

    def _spelled(self, path: str) -> str:
        """Return another spelling of a path."""
        if not path or path.startswith("/") or len(path) > 250:
            return path
        return self._of((
            f"./{path}", f"here/{path}", f"here/here/./{path}", f".//{path}", f"Data/../{path}", f"{path}/",
            f"link-Data/../{path}", f"{path}/.", path.replace("/", "//"), f"{{pool}}/{path}",
        ))  # fmt: skip

    def _data(self) -> None:
        name = self._of(SETS) if self._chance(0.35) else "v"
        before = len(self.arguments)
        if self._chance(0.3):
            self._flag("--path", "data", ("Data/", "Data", "link-Data/", "./Data/", "read-only/Data/"))
        else:
            self.uses.append(Use("data", "Data/"))
            self.arguments += ["--path", "Data/"] if self._chance(0.5) else []
        self.arguments += ["--dataset", name]
        path = self.uses.pop().path
        joined = path if not path or path.endswith("/") else f"{path}/{{slash}}"
        if name != "sample":
            self.uses.append(Use("data", joined + name))
        assert len(self.arguments) > before

    def _train(self) -> None:
        self._data()
        epochs = "1" if self._chance(0.06) else "0"
        few = [*FEW] if self.command != "MLP" else [*FEW[2:]]
        self.arguments += [*few, *(["--layers", "[8,4]"] if self.command != "GMF" else [])]
        if self.command == "NeuMF" and self._chance(0.5):
            self._flag("--mf_pretrain", "input", ("gmf.h5", "gmf.keras", "link.h5"), ".h5")
            self._flag("--mlp_pretrain", "input", ("mlp.h5",), ".h5")
        if self._chance(0.6):
            self._flag("--log_csv", "stream", ("new.csv", "run.csv", "figures.csv"), ".csv")
        if self._chance(0.15):
            self._flag("--tensorboard", "curves", ("tb", "new-curves"))
        if self._chance(0.1):
            self._flag("--export", "versions", ("served", "new-model"))
        if self._chance(0.6):
            self.resumes = self._chance(0.5)
            good = ("ck", "link-ck", "ck-cut") if self.resumes else ("ck-new", "new-ck")
            self._flag("--checkpoint_dir", "checkpoints", good)
            # A run that was there has its epoch already.
            epochs = "1" if self.resumes and self._chance(0.7) else epochs
            self.arguments += ["--resume"] if self.resumes else []
        self.arguments += ["--epochs", epochs]
        if self.resumes and self._chance(0.7):
            self.arguments += ["--save_dir", "saved"]
            self.uses.append(Use("models", "saved"))
        elif self._chance(0.5):
            self._flag("--save_dir", "models", ("saved", "new-saved"))
            self.arguments += ["--format", self._of(tuple(SUFFIXES))] if self._chance(0.3) else []
        elif self._chance(0.5):
            self.arguments += ["--out", "0"]
        else:
            self.uses.append(Use("models", "pretrain"))

    def _weights(self) -> None:
        self._flag("--weights", "input", ("gmf.h5", "gmf.h5", "neumf.h5", "gmf.keras", "gmf.weights.h5"), ".h5")

    def _evaluate(self) -> None:
        self._data()
        self._weights()
        self.arguments += ["--topk", "1"]
        if self._chance(0.8):
            self._flag("--json", "file", ("new.json", "figures.json"), ".json")
        if self._chance(0.5):
            self._flag("--per_user", "file", ("new.csv", "figures.csv"), ".csv")

    def _compare(self) -> None:
        self._flag("", "input", ("gmf.h5", "link.h5", "neumf.h5"), ".h5")
        self._flag("", "input", ("neumf.h5", "mlp.h5", "gmf.keras"), ".h5")
        self._data()
        self.arguments += ["--topk", "1"]
        if self._chance(0.8):
            self._flag("--json", "file", ("new.json", "figures.json"), ".json")

    def _convert(self) -> None:
        self._flag("", "input", ("gmf.h5", "neumf.h5", "gmf.keras", "gmf.weights.h5", "link.h5"), ".h5")
        suffix = self._of(tuple(SUFFIXES.values()))
        self._flag("--to", "file", (f"new{suffix}", "other.h5"), suffix)
        self.in_place = self._chance(0.2)
        self.arguments += ["--in_place"] if self.in_place else []
        self.arguments += ["--format", self._of(tuple(SUFFIXES))] if self._chance(0.2) else []

    def _recommend(self) -> None:
        self._data()
        whom = self._of(("popular", "user", "users_file"))
        if whom == "popular":
            self.arguments.append("--popular")
        elif whom == "user":
            self.arguments += ["--user", "ann"]
        else:
            self._flag("--users_file", "input", ("users.txt", "-"))
        if whom != "popular" or self._chance(0.1):
            self._weights()
        if self._chance(0.7):
            suffix = self._of((".csv", ".json"))
            self._flag("--to", "file", (f"new{suffix}", f"figures{suffix}"), suffix)
        elif self._chance(0.7):
            format = self._of(("csv", "json", "table"))
            self.arguments += ["--format", format]
            self.prints_data = format != "table"

    def _export(self) -> None:
        self._weights()
        self._flag("--to", "versions", ("served", "new-model", "link-saved", "new/deep"))
        if self._chance(0.8):
            self._data()

    def _prepare(self) -> None:
        for _ in range(self._of((1, 1, 1, 2))):
            self._flag("", "input", ("log.csv", "log.csv.gz", "link.csv", "hard.csv", "parts", "-"), ".csv")
        out = ("Data/new", "Data/v", "Data/w", "link-Data/new", "new/deep/set", "parts/new", "parts/day=2/new")
        self._flag("--out", "prefix", out)
        if self._chance(0.5):
            self._flag("--titles", "input", ("movies.csv",), ".csv")
        odd = (
            "--quoting=none",
            "--escape=\\",
            "--encoding=utf-16",
            "--format=json",
            "--missing=ann",
            "--header=no",
        )
        self.arguments += ["--negatives", "1", *([self._of(odd)] if self._chance(0.2) else [])]

    def _plot(self) -> None:
        for _ in range(self._of((1, 1, 2))):
            self._flag("", "input", ("run.csv", "run2.csv"), ".csv")
        if self._chance(0.9):
            self._flag("--out", "file", ("new.png", "picture.png"), ".png")
        else:
            self.uses.append(Use("file", "curves.png"))

    def _download(self) -> None:
        self.arguments.append(self._of(("ml-100k", "ml-1m")))
        self._flag("--path", "downloads", ("new-downloads", "Data", "dl-pipe", "dl-part", "dl-link"))


SPLIT = (".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv", ".json")


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
