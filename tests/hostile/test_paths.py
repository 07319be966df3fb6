"""Every command with paths as an enemy, or a mistake, would choose them: nothing is lost, nothing hangs.

The long mode: `pytest -m slow tests/hostile/test_paths.py -s`, with `NCF_DRAWS` (5,000), `NCF_SEED` (1) and
`NCF_FINDINGS`, a file for progress and findings.
"""

import contextlib
import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.draws import Draw
from tests.hostile.fork_server import NOBODY, OTHERS, TRAINED, ForkServer
from tests.hostile.judge import Judge
from tests.hostile.pool import add_entry, build_template, copy_pool, snapshot

# Their errors come before TensorFlow would be imported, or they need none.
WITHOUT_TENSORFLOW = ("prepare", "download", "prepare", "plot")
WAITS = 0.2
LIMIT = float(os.environ.get("NCF_LIMIT", "60"))


class Runner:
    """Carries out draws in copies of one pool, below a directory."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._numbers = itertools.count()
        directory.chmod(0o755)

    def build(self, server: ForkServer | None = None) -> None:
        """Build what all pools are copies of."""
        build_template(self._directory / "template", server)

    def problems(self, draw: Draw, server: ForkServer, limit: float) -> tuple[list[str], object]:
        """Run a draw; return what went wrong, and how it ended."""
        place = self._directory / f"draw-{next(self._numbers)}"
        pool, streams = place / "pool", place / "streams"
        (streams / "tmp").mkdir(parents=True)
        try:
            copy_pool(self._directory / "template", pool)
            (streams / "stdin").write_text("ann\n007\n")
            _own(streams, streams / "tmp", pool)
            with contextlib.ExitStack() as stack:
                for name, kind, good in draw.entries:
                    add_entry(pool, name, kind, good)
                    if kind == "read pipe":
                        handle = os.open(pool / name, os.O_RDWR)
                        stack.callback(os.close, handle)
                before = snapshot(pool)
                judge = Judge(draw, pool, before)
                arguments = [one.replace("{pool}", str(pool)) for one in draw.arguments]
                how = {"limit": limit, "nobody": True, "waits": WAITS, **draw.streams}
                ended = server.run(draw.command, arguments, pool, streams, **how)
                found = list(judge.problems(ended, snapshot(pool)))
            # TensorFlow removes its own when a process ends as forked ones do not.
            left = [path.name for path in (streams / "tmp").rglob("*") if "__autograph" not in path.name]
            return found + [f"it left {left} in the temporary directory"] * bool(left), ended
        finally:
            _remove(place)


def _own(*paths: Path) -> None:
    for path in paths:
        if os.getuid() == 0:
            os.chown(path, NOBODY, NOBODY)


def _remove(place: Path) -> None:
    for folder, _, _ in os.walk(place):
        Path(folder).chmod(0o700)
    shutil.rmtree(os.fsencode(place))


@pytest.fixture
def directory():
    # Not below pytest's own directories, which nobody else may search.
    with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
        yield Path(directory).resolve()


def carry_out(runner: Runner, servers, draws, report, limit=LIMIT) -> list[str]:
    """Run draws on several servers; return those that went wrong, each with what did."""
    waiting, findings, statuses = iter(draws), [], Counter()
    lock, started = threading.Lock(), time.monotonic()

    def work(server: ForkServer) -> None:
        while True:
            with lock:
                drawn = next(waiting, None)
            if drawn is None:
                return
            name, draw = drawn
            problems, ended = runner.problems(draw, server, limit)
            with lock:
                statuses[draw.command, ended.status] += 1
                if problems:
                    said = (ended.err.strip() or b"nothing")[-1500:].decode(errors="replace")
                    text = f"draw {name}: {draw}\n  - " + "\n  - ".join(problems) + f"\n  it said: {said!a}"
                    findings.append(text)
                    print(text, file=report, flush=True)
                if sum(statuses.values()) % 100 == 0:
                    done = f"{sum(statuses.values())} draws, {len(findings)} findings"
                    print(f"{done}, {time.monotonic() - started:.0f} s", file=report, flush=True)

    with ThreadPoolExecutor(len(servers)) as pool:
        for done in [pool.submit(work, server) for server in servers]:
            done.result()
    ends = sorted(f"{command} {status}: {count}" for (command, status), count in statuses.items())
    seconds = time.monotonic() - started
    print(f"{statuses.total()} draws, {seconds:.0f} s: {', '.join(ends)}", file=report, flush=True)
    return findings


def test_thirty_drawn_commands_lose_nothing(directory):
    """Those that need no TensorFlow."""
    runner = Runner(directory)
    runner.build()
    draws = [(f"1-{number}", Draw(f"1-{number}", WITHOUT_TENSORFLOW)) for number in range(30)]
    with ForkServer(with_tensorflow=False) as server:
        findings = carry_out(runner, [server], draws, sys.stdout, LIMIT)
    assert not findings, "\n".join(findings)


@pytest.mark.slow
def test_drawn_commands_lose_nothing(directory):
    number, seed = int(os.environ.get("NCF_DRAWS", "5000")), os.environ.get("NCF_SEED", "1")
    only = [int(one) for one in os.environ.get("NCF_ONLY", "").split(",") if one] or range(number)
    runner = Runner(directory)
    draws = ((f"{seed}-{one}", Draw(f"{seed}-{one}", TRAINED + OTHERS)) for one in only)
    with contextlib.ExitStack() as stack:
        report = sys.stdout
        if file := os.environ.get("NCF_FINDINGS"):
            report = stack.enter_context(Path(file).open("a"))
        servers = [stack.enter_context(ForkServer()) for _ in range(2)]
        runner.build(servers[0])
        findings = carry_out(runner, servers, draws, report)
    assert not findings, f"{len(findings)} of {number} draws\n" + "\n".join(findings[:20])
