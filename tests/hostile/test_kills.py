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

from tests.hostile.fork_server import ForkServer
from tests.hostile.kill_cases import CASES, Case, run_whole
from tests.hostile.pool import snapshot

CALLS = (
    "openat,write,pwrite64,rename,renameat,renameat2,unlink,unlinkat,rmdir,fsync,mkdir,ftruncate,close,flock"
)
CALL = re.compile(r"(\d+) +(\w+)\(")
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
