"""This checkout held against an earlier one: start-up, `prepare` of a million rows, one question of the client.

JSON, which the earlier checkouts do not read, is measured here alone: a record is about 185 bytes, with a date.

Command:  git worktree add ../earlier 102a5eb
          python run/benchmarks/earlier.py --than ../earlier --json earlier.json         (about 5 minutes)

Each run is a new process of one of the checkouts, in turn. The client asks a server in this process
2,000 times; its figure is the median.
"""

import argparse
import http.server
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))
from _measure import Measurement, Report, alternate, benchmark_parser, run_benchmark

ROWS, QUESTIONS = 1_000_000, 2_000
ANSWER = b'{"outputs": {"items": [[1, 2, 3, 4, 5]], "scores": [[0.5, 0.4, 0.3, 0.2, 0.1]], "known": [true]}}'
CLIENT = """
import statistics, sys, time
from ncf_keras.serving.client import connect
with connect(sys.argv[1], "ncf") as client:
    seconds = []
    for _ in range(int(sys.argv[2])):
        started = time.perf_counter()
        client.recommend([1], k=5)
        seconds.append(time.perf_counter() - started)
print(statistics.median(seconds))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the first line of each table is the earlier checkout."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--than", required=True, metavar="DIR", help="the earlier checkout")
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    report = Report("against an earlier checkout", flags)
    rows, questions = (1_000, 20) if flags.quick else (ROWS, QUESTIONS)
    with tempfile.TemporaryDirectory() as folder, _Server() as server:
        log, parquet, records = (Path(folder, f"log.{suffix}") for suffix in ("csv", "parquet", "json"))
        _write_log(log, rows)
        table = pd.read_csv(log)
        table.to_parquet(parquet)
        _write_records(records, table)
        prepared = ["--out", str(Path(folder, "prepared"))]
        untrained = ["run/NeuMF.py", "--dataset", "sample", "--epochs", "0", "--out", "0", "--seed", "1"]
        works: dict[str, Callable[[Path], float]] = {
            "run/NeuMF.py --help": lambda root: _run(root, ["run/NeuMF.py", "--help"])[0],
            " ".join(untrained): lambda root: _run(root, untrained)[0],
            f"run/prepare.py, {rows:,} rows of CSV": lambda root: _run(
                root, ["run/prepare.py", str(log), *prepared]
            )[0],
            f"run/prepare.py, {rows:,} rows of Parquet": lambda root: _run(
                root, ["run/prepare.py", str(parquet), *prepared]
            )[0],
            "one question over REST": lambda root: float(
                _run(root, ["-c", CLIENT, server.address, str(questions)])[1]
            ),
        }
        command = ["run/prepare.py", str(records), *prepared]
        seconds = alternate({"this one": lambda: _run(PROJECT, command)[0]}, flags.repeats)
        # Of the processes so far, in kB under Linux; those that follow are larger.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000
        title = f"run/prepare.py, {rows:,} lines of JSON, {peak:,} MB at the peak"
        report.add(title, [Measurement(name, times) for name, times in seconds.items()])
        for title, work in works.items():
            contenders = {
                "earlier": lambda work=work: work(Path(flags.than).resolve()),
                "this one": lambda work=work: work(PROJECT),
            }
            seconds = alternate(contenders, flags.repeats)
            report.add(title, [Measurement(name, times) for name, times in seconds.items()])
    report.finish()


def _run(root: Path, arguments: list[str]) -> tuple[float, str]:
    """Run Python in a checkout; return the seconds and what it printed."""
    environment = os.environ | {"PYTHONPATH": str(root)}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - started, done.stdout


def _write_log(file: Path, rows: int) -> None:
    draw = np.random.default_rng(1)
    users, items = draw.integers(rows // 100, size=rows), draw.zipf(1.3, rows) % 5_000
    lines = (f"u{user},i{item},{time}\n" for time, (user, item) in enumerate(zip(users, items, strict=True)))
    file.write_text("user,item,timestamp\n" + "".join(lines))


def _write_records(file: Path, table: pd.DataFrame) -> None:
    """Write the rows of a table as Yelp writes its reviews."""
    dates = pd.to_datetime(table["timestamp"], unit="s").astype(str)
    with file.open("w") as lines:
        for user, item, date in zip(table["user"], table["item"], dates, strict=True):
            review = {"review_id": f"r{item}", "user_id": user, "business_id": item, "stars": 4.0, "useful": 0}
            text = "Good food, would come again and tell everyone else too"
            lines.write(json.dumps({**review, "text": text, "date": date}) + "\n")


class _Server(http.server.ThreadingHTTPServer):
    """Gives every question the same answer, in threads of this process."""

    class _Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else head and body wait for each other.
        disable_nagle_algorithm, wbufsize = True, -1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None:
            pass

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self._Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "_Server":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


if __name__ == "__main__":
    sys.exit(main())
