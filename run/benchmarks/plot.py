"""Draw the cost of a training step from the JSON of `training_step.py`.

Command:  python run/benchmarks/plot.py step.json --out docs/performance     (needs the extra `benchmarks`)

Writes `step_by_tables.png`, `step_by_batch_size.png` and `step_by_factors.png`: medians, bars from the fastest
to the slowest repeat.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory, written_beside
from ncf_keras.cli.console import run_command

MICROSECONDS = 1e6
LINE_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Plot:
    """How a group of measurements is drawn: the file, the axis, a case's place on it and the words there."""

    name: str
    label: str
    position: Callable[[dict], int]
    tick: Callable[[dict], str]


PLOTS = {
    "Table size: a step": Plot(
        "step_by_tables.png",
        "users x items",
        lambda case: sum(case["size"][:2]),
        lambda case: f"{case['size'][0]:,} x {case['size'][1]:,}",
    ),
    "Batch size: a step": Plot(
        "step_by_batch_size.png",
        "batch size",
        lambda case: case["batch_size"],
        lambda case: f"{case['batch_size']:,}",
    ),
    "Factors: a step": Plot(
        "step_by_factors.png", "factors", lambda case: case["factors"], lambda case: str(case["factors"])
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the plots; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("json", help="what training_step.py --json wrote")
    parser.add_argument("--out", default=str(PROJECT / "docs" / "performance"), help="folder of the plots")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _draw_all(flags.json, flags.out))


def _draw_all(file: str, folder: str) -> None:
    document = _read(file)
    try:
        import matplotlib
    except ImportError:
        raise InputError(
            "plot.py must have matplotlib installed: pip install -e '.[benchmarks]'. Received: no matplotlib"
        ) from None
    matplotlib.use("Agg")
    directory = writable_directory(folder, "--out")
    for group in document["groups"]:
        if group["title"] in PLOTS:
            plot = PLOTS[group["title"]]
            _draw(directory / plot.name, plot, group["measurements"], document["hardware"])
            print(directory / plot.name)


def _read(file: str) -> dict:
    try:
        document = json.loads(Path(file).read_text(encoding="utf-8"))
        if document["benchmark"] != "training step":
            raise ValueError(f"it is of the benchmark {document['benchmark']!r}")
        return document
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The JSON must be one that training_step.py wrote. Received: {file} ({error})"
        ) from None


def _draw(path: Path, plot: Plot, cases: Sequence[dict], hardware: dict) -> None:
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    threads_measured = sorted({case["threads"] for case in cases})
    for (step, threads), line in _lines(cases).items():
        line = sorted(line, key=plot.position)
        medians = [case["median"] * MICROSECONDS for case in line]
        spread = [
            [(case["median"] - case["min"]) * MICROSECONDS for case in line],
            [(case["max"] - case["median"]) * MICROSECONDS for case in line],
        ]
        axes.errorbar(
            [plot.position(case) for case in line],
            medians,
            yerr=spread,
            label=f"{step.removesuffix('Step').lower()} rows, {threads} thread{'s' if threads > 1 else ''}",
            color="tab:blue" if step == "DeferredStep" else "tab:orange",
            linestyle=LINE_STYLES[threads_measured.index(threads) % len(LINE_STYLES)],
            marker="o",
            capsize=3,
        )
    ticks = {plot.position(case): plot.tick(case) for case in cases}
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.5g}"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xlabel(plot.label)
    axes.set_ylabel("µs a step")
    axes.set_title(f"{hardware['processor']}, {hardware['cores']} cores", fontsize="medium")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    with written_beside(path, keep_suffix=True) as temporary:
        figure.savefig(temporary, dpi=120)
    pyplot.close(figure)


def _lines(cases: Sequence[dict]) -> dict[tuple[str, int], list[dict]]:
    def line_of(case: dict) -> tuple[str, int]:
        return case["step"], case["threads"]

    return {key: list(group) for key, group in itertools.groupby(sorted(cases, key=line_of), key=line_of)}


if __name__ == "__main__":
    sys.exit(main())
