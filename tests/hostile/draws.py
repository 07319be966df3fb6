"""Command lines drawn at random, with paths as nobody would choose them; `judge.py` judges their ends."""

import random
from typing import NamedTuple

from tests.hostile.pool import FEW

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


class Use(NamedTuple):
    """A path in a command line.

    Its role is `input`, `data` (the prefix of a dataset), `earlier` (of one that may be replaced), `file`,
    `stream` (a file that fills bit by bit), `prefix`, `checkpoints`, `models`, `versions`, `curves` or
    `downloads`.
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
        if self._chance(0.3):
            self._flag("--item_features", "input", ("movies.csv",), ".csv")
        if self._chance(0.3):
            self._flag("--ids_from", "earlier", ("Data/w", "Data/v", "Data/new"))
            self.arguments += ["--append"] if self._chance(0.7) else []
            if self._chance(0.5):
                self._flag("--forget", "input", ("users.txt", "-"), ".txt")
        odd = (
            "--quoting=none",
            "--escape=\\",
            "--encoding=utf-16",
            "--format=json",
            "--missing=ann",
            "--header=no",
        )
        if self._chance(0.3):
            self.arguments += ["--split=time", self._of(("--at=0.8", "--at=5", "--at=1998-03-01"))]
            self.arguments += ["--validation_at=0.5"] if self._chance(0.5) else []
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
