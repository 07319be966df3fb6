"""What the benchmarks share: flags, alternating repeats, tables, JSON with the hardware and all raw timings."""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.cli.console import run_command
from ncf_keras.cli.flags import whole_number

PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "pandas", "torch")


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """A help formatter that shows defaults and keeps the line breaks of the description."""


def benchmark_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the flags of every benchmark: `--repeats`, `--json` and `--quick`."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("--repeats", type=whole_number(1), default=5, help="times each contender is measured")
    parser.add_argument("--json", metavar="FILE", default=None, help="write hardware, versions and raw timings")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, measures nothing")
    return parser


def add_dataset_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--path` and `--dataset`; without them a benchmark needs no data."""
    parser.add_argument("--path", default="Data/", help="what stands before the dataset's name")
    parser.add_argument(
        "--dataset",
        default="synthetic",
        help="three files in the authors' format; `sample`; or random data of a size: `synthetic` of ML-1M's, "
        "`synthetic-ml-20m` of ML-20M's",
    )


def add_threads_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--threads` for a benchmark that runs TensorFlow in its own process."""
    parser.add_argument(
        "--threads", type=whole_number(1), default=None, help="intra-op threads of TensorFlow; None: its choice"
    )


def use_threads(threads: int | None) -> None:
    """Have TensorFlow start with so many intra-op threads; it reads the setting once, at import.

    Raises:
        InputError: TensorFlow is imported already.
    """
    if threads is None:
        return
    if "tensorflow" in sys.modules:
        raise InputError(f"`--threads` must come before TensorFlow is imported. Received: {threads}, too late")
    os.environ.update(thread_environment(threads))


def thread_environment(threads: int) -> dict[str, str]:
    """Return the environment in which TensorFlow, PyTorch and NumPy compute with so many threads."""
    return dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), str(threads))


def alternate(
    contenders: Mapping[str, Callable[[], float]], repeats: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Measure each contender in turn, `repeats` times over, so that a slow spell of the machine hits them all.

    Args:
        contenders: each measures itself once and returns seconds.
        repeats: rounds.
        warm_up: run each once before, unmeasured: compilation, caches.

    Returns:
        The seconds of each contender, round by round.
    """
    if warm_up:
        for measure in contenders.values():
            measure()
    seconds = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, measure in contenders.items():
            seconds[name].append(measure())
    return seconds


@dataclass(frozen=True)
class Measurement:
    """One line of a table.

    Attributes:
        name: what was measured.
        seconds: of each repeat, for one unit of work.
        about: what else belongs in the JSON: sizes, threads, how a figure was scaled.
    """

    name: str
    seconds: list[float]
    about: Mapping[str, object] = field(default_factory=dict)

    def ratios(self, baseline: "Measurement") -> list[float]:
        """Return this one's time over the baseline's, repeat by repeat."""
        pairs = zip(self.seconds, baseline.seconds, strict=False)
        return [mine / theirs if theirs else float("nan") for mine, theirs in pairs]


class Report:
    """Prints a table after each group of measurements and writes all of it as JSON at the end."""

    def __init__(self, benchmark: str, flags: argparse.Namespace):
        self._path = flags.json
        self._document = {
            "benchmark": benchmark,
            "flags": {name: value for name, value in vars(flags).items() if name not in ("json", "path")},
            "hardware": hardware(),
            "versions": versions(),
            "groups": [],
        }
        print(f"{benchmark}: {describe_hardware(self._document['hardware'])}", flush=True)
        if flags.quick:
            print("--quick: the figures below are of tiny sizes and mean nothing")

    def add(
        self, title: str, measurements: Sequence[Measurement], notes: Mapping[str, object] | None = None
    ) -> None:
        """Print a table; ratios are to the first line, repeat by repeat."""
        baseline = measurements[0]
        rows = [("", "median", "min", "max", "times the first (min … max)")]
        entries = []
        for each in measurements:
            ratios = each.ratios(baseline)
            rows.append((each.name, *map(in_words, _spread(each.seconds)), _ratio_text(ratios)))
            entries.append(
                {
                    "name": each.name,
                    **each.about,
                    **dict(zip(("median", "min", "max"), _spread(each.seconds), strict=True)),
                    "seconds": each.seconds,
                    "times_the_first": ratios,
                }
            )
        print(f"\n{title}")
        _print_table(rows)
        for name, value in (notes or {}).items():
            print(f"{name}: {value}")
        sys.stdout.flush()
        self._document["groups"].append({"title": title, "notes": dict(notes or {}), "measurements": entries})

    def finish(self) -> None:
        """Write the JSON if a file was named."""
        if self._path:
            with written_beside(self._path) as temporary:
                temporary.write_text(json.dumps(self._document, indent=1) + "\n", encoding="utf-8")


def run_benchmark(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    benchmark: Callable[[argparse.Namespace], None],
) -> int:
    """Parse the flags, run the benchmark and return its exit status; `--quick` means at most two repeats."""
    flags = parser.parse_args(arguments)
    # The processes of a benchmark share a GPU, of which the first one would take all.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if flags.quick:
        flags.repeats = min(flags.repeats, 2)
        if getattr(flags, "dataset", None) == "synthetic":
            flags.dataset = "tiny"
    return run_command(lambda: benchmark(flags))


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware() -> dict[str, object]:
    """Return the processor, the cores this process may use, the memory in GB and the load before the start."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "memory_gb": _memory_gb(),
        "load_before": load,
    }


def describe_hardware(facts: Mapping[str, object]) -> str:
    """Return the hardware in one line."""
    load = "" if facts["load_before"] is None else f", load {facts['load_before']:.1f} before the start"
    memory = "" if facts["memory_gb"] is None else f", {facts['memory_gb']:.0f} GB"
    return f"{facts['processor']}, {facts['cores']} cores{memory}{load}"


def versions() -> dict[str, str]:
    """Return the versions of Python and of what is measured, without importing any of it."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def in_words(seconds: float) -> str:
    """Return a duration in the unit that suits it, three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds / size < 999.5 else f"{seconds / size:,.0f} {unit}"
    return f"{seconds * 1e6:.2g} µs"


def thread_count(threads: int) -> str:
    """Return the number with its noun: `1 thread`, `2 threads`."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(seconds), min(seconds), max(seconds)


def _ratio_text(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    median, low, high = _spread(ratios)
    return f"{median:.2f} ({low:.2f} … {high:.2f})"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        print(
            name.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)),
            sep="  ",
        )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None
