"""From the command to the first training step, and to `--help`, of `run/NeuMF.py` on the built-in sample.

Command:  python run/benchmarks/start_up.py --json start_up.json         (about 2 minutes)

Each run is a new process; the times are those at which its lines arrive. The first program of training steps
ends before the line of iteration 0 comes, so that line is an upper bound of the first step: it comes after
imports, compilation, an epoch of 760 steps and two evaluations.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))
from _measure import Measurement, Report, alternate, benchmark_parser, run_benchmark

SCRIPT = str(PROJECT / "run" / "NeuMF.py")
LINES = {
    "Load data done": "the sample is made",
    "Init:": "TensorFlow is imported, the model built and evaluated",
    "Iteration 0": "the first epoch is trained and evaluated",
}
TRAINING = [SCRIPT, "--dataset", "sample", "--epochs", "1", "--out", "0"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; `--quick` leaves the training command out."""
    return run_benchmark(benchmark_parser(__doc__), arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    report = Report("start-up", flags)
    arrivals = {text: [] for text in LINES.values()}
    help_name, training_name = "run/NeuMF.py --help", "run/NeuMF.py --dataset sample --epochs 1 --out 0"
    contenders = {
        "python -c pass": lambda: _run(["-c", "pass"], {}),
        help_name: lambda: _run([SCRIPT, "--help"], {}),
    }
    if not flags.quick:
        contenders[training_name] = lambda: _run(TRAINING, arrivals)
    seconds = alternate(contenders, flags.repeats)
    for text, times in arrivals.items():
        # The first measurement is of the warm-up.
        seconds[f"… until {text}"] = times[1:]
    report.add("From the command", [Measurement(name, times) for name, times in seconds.items() if times])
    report.finish()


def _run(arguments: list[str], arrivals: dict[str, list[float]]) -> float:
    """Run Python with `arguments`; return its seconds and add those of its lines to `arrivals`."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        for line in process.stdout:
            for beginning, text in LINES.items():
                if arrivals and line.startswith(beginning):
                    arrivals[text].append(time.perf_counter() - started)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with status {process.returncode}.")
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
