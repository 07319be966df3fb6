"""Commands killed at drawn system calls: their files are old, new or refused, and nobody else's are touched.

The long mode: `pytest -m slow tests/hostile/test_kills.py -s`, with `NCF_KILLS` (200), `NCF_SEED` (1) and, to
choose cases, `NCF_ONLY`. It takes strace. What a killed command leaves, and the same command does not sweep, is
`may_remain` of its case.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import read_dataset
from ncf_keras.training.checkpoints import read_checkpoint
from tests.cli.resuming import rows_without_clock, weights_in
from tests.cli.running import Run
from tests.hostile.fork_server import ForkServer
from tests.hostile.pool import LOG, snapshot
from tests.small_data import write_random_files

CALLS = (
    "openat,write,pwrite64,rename,renameat,renameat2,unlink,unlinkat,rmdir,fsync,mkdir,ftruncate,close,flock"
)
CALL = re.compile(r"(\d+) +(\w+)\(")
DATASET = (".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv", ".json")
SIZES = ("--num_factors", "4", "--layers", "[8,4]", "--batch_size", "16", "--topk", "3", "--seed", "3")
FOREIGN = "of another command\n"


class Kill(NamedTuple):
    """The system call before which a process is killed: the nth of this name in one of its threads."""

    call: str
    number: int


class Tracer:
    """strace on a command that waits to begin: it lists its calls, or kills it at one.

    Args:
        trace: a file for the list.
        kill: None to list only.
    """

    def __init__(self, trace: Path, kill: Kill | None = None):
        self._words = ["strace", "-f", "-qq", "-y", "-o", str(trace if kill is None else os.devnull)]
        self._words += ["-e", f"trace={CALLS if kill is None else kill.call}"]
        if kill:
            self._words += ["-e", f"inject={kill.call}:signal=SIGKILL:when={kill.number}"]

    def __call__(self, number: int) -> None:
        self._process = subprocess.Popen([*self._words, "-p", str(number)], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while "TracerPid:\t0" in Path(f"/proc/{number}/status").read_text():
            assert time.monotonic() < end and self._process.poll() is None, "strace can't attach here"
            time.sleep(0.002)

    def wait(self) -> None:
        """Wait until it has ended, as it does when the command has."""
        self._process.wait(60)


def calls_in(trace: Path, directory: Path) -> dict[str, list[int]]:
    """Return which of the calls, of each name and counted in each thread, were about files in a directory."""
    seen: Counter = Counter()
    found: dict[str, set[int]] = {}
    for line in trace.read_text(errors="replace").splitlines():
        if match := CALL.match(line):
            thread, name = match.groups()
            seen[thread, name] += 1
            if str(directory) in line:
                found.setdefault(name, set()).add(seen[thread, name])
    return {name: sorted(numbers) for name, numbers in sorted(found.items())}


class Case:
    """A command that is killed in a directory of its own, which `fill` makes.

    Attributes:
        line: the command line.
        may_remain: names, as a pattern, that a killed command may leave for good.
    """

    line: tuple[str, ...]
    may_remain = r"(?!)"

    def fill(self, directory: Path, server: ForkServer) -> None:
        """Make what is there before the command, in a template."""
        raise NotImplementedError

    def foreign(self) -> tuple[str, ...]:
        """Return files of other commands to be put beside those of this one."""
        return ()

    def live(self) -> tuple[str, ...]:
        """Return directories that other commands, which live, hold the locks of."""
        return ()

    def learn(self, directory: Path, ended) -> None:
        """Look at what an undisturbed run made of the directory."""
        raise NotImplementedError

    def after_kill(self, directory: Path, server: ForkServer, streams: Path) -> None:
        """Hold a killed run's directory to what was promised."""
        raise NotImplementedError

    def at_end(self, directory: Path, ended) -> None:
        """Hold the directory to what an undisturbed run left, after the command ran again."""
        raise NotImplementedError


def digests(paths) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.exists()}


def write_log(file: Path, name: str) -> None:
    draw = random.Random(name)
    rows = [f"{name}u{user},{name}i{item}" for user in range(30) for item in draw.sample(range(60), 20)]
    file.write_text("user,item,timestamp\n" + "".join(f"{row},{n}\n" for n, row in enumerate(rows)))


class Prepare(Case):
    """A dataset prepared over another of its name."""

    name = "d"
    line = ("prepare", "B.csv", "--out", "Data/d", "--negatives", "5")

    def fill(self, directory, server):
        (directory / "Data").mkdir()
        for name in "AB":
            write_log(directory / f"{name}.csv", name)
        for name in "de":
            prepare = ("A.csv", "--out", f"Data/{name}", "--negatives", "5")
            run_whole(server, directory, ("prepare", *prepare))
        self.old = self._files(directory) if self.name == "d" else {}

    def foreign(self):
        return (
            "Data/.writing-foreign.part",
            "Data/.writing-e-abc/file",
            "Data/d.notes",
            "Data/.writing-d.part",
        )

    def live(self):
        return ("Data/.writing-d-live", "Data/.writing-n-live")

    def learn(self, directory, ended):
        self.new = self._files(directory)
        assert len(self.new) == 6 and self.new != self.old

    def after_kill(self, directory, server, streams):
        found = self._files(directory)
        if found in (self.old, self.new):
            if found:
                read_dataset(f"{directory}/Data/", self.name)
            return
        with contextlib.suppress(InputError):
            read_dataset(f"{directory}/Data/", self.name)
            states = {name: "new" if self.new[name] == one else "old" for name, one in sorted(found.items())}
            raise AssertionError(f"files that do not belong together are read: {states}")

    def at_end(self, directory, ended):
        assert self._files(directory) == self.new
        read_dataset(f"{directory}/Data/", self.name)

    def _files(self, directory):
        return digests(directory / f"Data/{self.name}{suffix}" for suffix in DATASET)


class PrepareNew(Prepare):
    """A dataset prepared where there was none."""

    name = "n"
    line = ("prepare", "B.csv", "--out", "Data/n", "--negatives", "5")


class Export(Case):
    """A second version of a served model."""

    line = ("export", "--weights", "gmf.h5", "--path", "Data/", "--dataset", "v", "--to", "served")

    def fill(self, directory, server):
        (directory / "Data").mkdir()
        (directory / "v.csv").write_text(LOG)
        run_whole(server, directory, ("prepare", "v.csv", "--out", "Data/v", "--negatives", "1"))
        run_whole(server, directory, ("weights", "GMF", "3", "4", "gmf.h5", "h5"))
        run_whole(server, directory, self.line)
        self.first = self._content(directory, 1)

    def foreign(self):
        return ("served/.writing-foreign.part", "served/notes.txt", "served/.exporting-file")

    def live(self):
        return ("served/.exporting-live",)

    def learn(self, directory, ended):
        assert self._numbers(directory) == {1, 2}

    def after_kill(self, directory, server, streams):
        numbers = self._numbers(directory)
        assert numbers in ({1}, {1, 2}) and self._content(directory, 1) == self.first
        run_whole(server, directory, ("verify", *(f"served/{number}" for number in numbers)))
        self.before = numbers

    def at_end(self, directory, ended):
        numbers = self._numbers(directory)
        assert max(numbers) in (2, 3) and f"served/{max(numbers)}" in ended.out.decode()
        assert self._content(directory, 1) == self.first

    def _numbers(self, directory):
        return {int(path.name) for path in (directory / "served").iterdir() if path.name.isdigit()}

    def _content(self, directory, number):
        return {
            name: entry.what for name, entry in snapshot(directory / f"served/{number}").items() if entry.kind
        }


class Train(Case):
    """A run that is resumed."""

    line = ("NeuMF", "--path", "Data/", "--dataset", "random", *SIZES, "--epochs", "3", "--log_csv", "log.csv",
            "--save_dir", "saved", "--checkpoint_dir", "ck", "--resume")  # fmt: skip
    # The name that was reserved before there was a checkpoint to remember it.
    may_remain = r"saved/\.random_NeuMF_.*\.claim"

    def fill(self, directory, server):
        (directory / "Data").mkdir()
        flags = [str(one) for one in write_random_files(directory / "Data")]
        name = flags[flags.index("--dataset") + 1]
        self.line = tuple(name if word == "random" else word for word in self.line)
        self.may_remain = self.may_remain.replace("random", re.escape(name))

    def foreign(self):
        return ("ck/.writing-foreign.part", "saved/.writing-foreign.part", "saved/.other_GMF_8_1.h5.claim",
                "saved/other_GMF_8_1.h5", ".writing-log.csv-abc.part")  # fmt: skip

    def learn(self, directory, ended):
        self.end = self._end(directory, ended)

    def after_kill(self, directory, server, streams):
        for file in (directory / "ck").glob("epoch-*"):
            read_checkpoint(file)
        for file in (directory / "saved").glob("[!.]*NeuMF*.h5"):
            assert weights_in(file)

    def at_end(self, directory, ended):
        end = self._end(directory, ended)
        # Killed before it removed the oldest, a run that had nothing left to do leaves it.
        assert self.end["checkpoints"].items() <= end.pop("checkpoints").items()
        for name, what in end.items():
            assert self.end[name] == what, name

    def _end(self, directory, ended):
        run = Run(ended.status, ended.out.decode().splitlines(), ended.err.decode())
        saved = directory / run.saved()
        checkpoints = sorted((directory / "ck").glob("*.checkpoint"))
        arrays = {file.name: _bytes(read_checkpoint(file).arrays) for file in checkpoints}
        files = [file.name for file in (directory / "saved").glob("[!.]*NeuMF*")]
        return {"lines": run.without_clock(), "rows": rows_without_clock(directory / "log.csv"),
                "weights": _bytes(weights_in(saved)), "checkpoints": arrays, "models": len(files)}  # fmt: skip


def _bytes(arrays):
    return {name: array.tobytes() for name, array in arrays.items()}


class Convert(Case):
    """A weight file converted over another."""

    line = ("convert", "gmf.keras", "--to", "out.h5")
    target = "out.h5"
    # Nothing tells the file of a dead command from that of one that lives.
    may_remain = r"\.writing-.*"

    def fill(self, directory, server):
        for name, format in (("gmf.h5", "h5"), ("gmf.keras", "keras")):
            run_whole(server, directory, ("weights", "GMF", "3", "4", name, format))
        for name, format in (("out.h5", "h5"), ("out.keras", "keras")):
            run_whole(server, directory, ("weights", "GMF", "9", "9", name, format))
        self.old = digests([directory / self.target])

    def foreign(self):
        return (".writing-foreign.part", ".writing-out.h5-abc.part", "others.h5")

    def learn(self, directory, ended):
        self.new = digests([directory / self.target])
        assert self.new != self.old

    def after_kill(self, directory, server, streams):
        assert digests([directory / self.target]) in (self.old, self.new)

    def at_end(self, directory, ended):
        assert digests([directory / self.target]) == self.new


class ConvertInPlace(Convert):
    """A weight file converted into itself."""

    line = ("convert", "gmf.h5", "--to", "gmf.h5", "--in_place")
    target = "gmf.h5"

    def learn(self, directory, ended):
        self.new = digests([directory / self.target])


class ConvertToArchive(Convert):
    """A weight file converted into an archive, whose bytes differ from run to run."""

    line = ("convert", "gmf.h5", "--to", "out.keras")
    target = "out.keras"

    def learn(self, directory, ended):
        self.new = digests([directory / "gmf.h5"])

    def after_kill(self, directory, server, streams):
        if digests([directory / self.target]) != self.old:
            self._require_new(directory, server)

    def at_end(self, directory, ended):
        assert digests([directory / self.target]) != self.old

    def _require_new(self, directory, server):
        run_whole(server, directory, ("convert", self.target, "--to", "check.h5"))
        assert digests([directory / "check.h5"])["check.h5"] == self.new["gmf.h5"]
        (directory / "check.h5").unlink()


CASES = (Prepare, PrepareNew, Export, Train, Convert, Prepare, ConvertInPlace, Train, Export, ConvertToArchive)


def run_whole(server: ForkServer, directory: Path, line, expected: int | None = 0, attach=None):
    """Run a command in a directory to its end; return how it ended."""
    with tempfile.TemporaryDirectory(prefix="streams-") as streams:
        (Path(streams) / "tmp").mkdir()
        (Path(streams) / "stdin").touch()
        ended = server.run(line[0], line[1:], directory, streams, attach=attach, limit=120)
        if attach:
            attach.wait()
    assert expected is None or ended.status == expected, (line, ended)
    return ended


class Bench:
    """One case, on one server: its template, and the calls at which it can be killed."""

    def __init__(self, case: Case, directory: Path, server: ForkServer):
        self.case, self._directory, self._server = case, directory, server
        self._numbers = itertools.count()
        self._template = directory / "template"
        self._template.mkdir(parents=True)
        case.fill(self._template, server)
        place = self._new_place()
        trace = directory / "trace"
        with self._live(place):
            ended = run_whole(server, place, case.line, attach=Tracer(trace))
        case.learn(place, ended)
        self.calls = calls_in(trace, place)
        self._whole = self._names(place)

    def kill(self, draw: random.Random) -> str:
        """Kill the command at a drawn call, look, run it again, look; return what happened, for the report."""
        name = draw.choice(list(self.calls))
        kill = Kill(name, draw.choice(self.calls[name]))
        place = self._new_place()
        with self._live(place):
            before = self._foreign(place)
            ended = run_whole(self._server, place, self.case.line, None, Tracer(self._directory / "none", kill))
            assert ended.status in (0, -9), ended
            left = sorted(self._names(place) - self._names(self._template))
            self.case.after_kill(place, self._server, self._directory)
            assert self._foreign(place) == before, "something of another command's has changed"
            self.case.at_end(place, run_whole(self._server, place, self.case.line))
            assert self._foreign(place) == before, "something of another command's has changed"
            remaining = {name for name in self._names(place) if self._is_left(name)}
            assert not remaining, f"{sorted(remaining)} remain of {left}"
        shutil.rmtree(place)
        end = "killed" if ended.status else "it had ended"
        return f"{type(self.case).__name__} at {kill.call} {kill.number}: {end}"

    def _is_left(self, name: str) -> bool:
        hidden = any(part.startswith(".") and part != ".lock" for part in Path(name).parts)
        return hidden and name not in self._allowed and not re.fullmatch(self.case.may_remain, name)

    def _new_place(self) -> Path:
        place = self._directory / f"kill-{next(self._numbers)}"
        shutil.copytree(self._template, place)
        for name in (*self.case.foreign(), *(f"{one}/file" for one in self.case.live())):
            (place / name).parent.mkdir(exist_ok=True, parents=True)
            (place / name).write_text(FOREIGN)
        self._allowed = self._names(place)
        return place

    @contextlib.contextmanager
    def _live(self, place: Path):
        """Hold the locks of directories as commands that live would."""
        with contextlib.ExitStack() as stack:
            for name in self.case.live():
                handle = os.open(place / name, os.O_RDONLY)
                stack.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def _foreign(self, place: Path) -> dict[str, object]:
        own = self._names(self._template)
        names = [name for name in self._allowed if name not in own and (place / name).is_file()]
        expected = [*self.case.foreign(), *(f"{one}/file" for one in self.case.live())]
        assert set(expected) <= set(names), f"{sorted(set(expected) - set(names))} is gone"
        return digests_by_path(place, names) | digests_by_path(place, self._inputs(place))

    def _inputs(self, place: Path) -> list[str]:
        """Return the files that the command only reads, and those of other datasets."""
        files = [*place.glob("[ABv].csv"), *place.glob("Data/e.*")]
        return [str(path.relative_to(place)) for path in files]

    def _names(self, place: Path) -> set[str]:
        return set(snapshot(place))


def digests_by_path(place: Path, names) -> dict[str, str]:
    return {name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in names}


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="kills-") as directory:
        yield Path(directory).resolve()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_kills_at_drawn_calls_mix_and_lose_nothing(directory):
    number, seed = int(os.environ.get("NCF_KILLS", "200")), os.environ.get("NCF_SEED", "1")
    only = os.environ.get("NCF_ONLY", "").split(",")
    cases = [case for case in CASES if case.__name__ in only] or list(CASES)
    outcomes: Counter = Counter()
    findings: list[str] = []

    def work(share: int) -> None:
        with ForkServer() as server:
            benches: dict = {}
            for one in range(share, number, 2):
                case, draw = cases[one // 2 % len(cases)], random.Random(f"{seed}-{one}")
                if case not in benches:
                    benches[case] = Bench(case(), directory / f"{share}-{case.__name__}", server)
                try:
                    outcome = benches[case].kill(draw)
                except Exception as error:  # whatever it is, the next kill is not to be missed
                    outcome = f"{case.__name__}: {type(error).__name__}: {str(error)[:1500]}"
                    findings.append(f"kill {seed}-{one}: {outcome}")
                outcomes[case.__name__, outcome.rpartition(": ")[2][:40]] += 1
                print(f"{seed}-{one} {outcome}", flush=True)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, share) for share in range(2)]:
            done.result()
    print(dict(outcomes))
    assert not findings, f"{len(findings)} of {number} kills\n" + "\n".join(findings)
