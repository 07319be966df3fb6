"""One run from beginning to end: what a process of `run/paper.py` does.

python run/reproduction/worker.py '{"run": {...}, "path": ..., "results": ..., "work": ...}' [--weights]

With `--weights`, a run that has its result but not its weights is trained again for them.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import remove_leftovers
from ncf_keras.base.locks import try_lock
from reproduction.runs import BaselineRun, NetworkRun, Run

if TYPE_CHECKING:
    from ncf_keras.data import Dataset

FAILED = 2
TAKEN = 3
WEIGHTS = "--weights"


@dataclass(frozen=True)
class Places:
    """Where things are.

    Attributes:
        path: what stands before the dataset's name.
        results: directory of the JSON files of the dataset.
        work: directory of its weights, checkpoints, locks and logs.
    """

    path: str
    results: Path
    work: Path


def has_weights(run: Run, work: Path) -> bool:
    """Tell whether the best weights of a run are there, and of a run with these very options."""
    if not (work / f"{run.name}.h5").is_file():
        return False
    try:
        return json.loads((work / f"{run.name}.options").read_text(encoding="utf-8")) == run.options()
    except (OSError, ValueError):
        return False


def is_done(run: Run, places: Places, needed: bool = False) -> bool:
    """Tell whether a run has its result, and, if another one starts from it, its weights."""
    has_result = (places.results / f"{run.name}.json").is_file()
    return has_result and (not needed or has_weights(run, places.work))


def do_run(
    run: Run,
    dataset: "Dataset",
    places: Places,
    tell: Callable[[object], None] = print,
    weights_needed: bool = False,
) -> bool:
    """Train or fit a run and write its result, unless that is there.

    A result that is there stays as it is, and the run is trained again only if its weights are needed and gone;
    then they alone are written. What a killed process had begun to write is removed.

    Args:
        run: which.
        dataset: its data.
        places: where the files go; the directories exist.
        tell: called with each iteration.
        weights_needed: whether another run starts from this one's weights.

    Returns:
        False, with nothing done, if another process is at it.

    Raises:
        InputError: the run can't be done, or a file can't be written.
    """
    with try_lock(places.work / f"{run.name}.lock") as ours:
        if ours:
            _remove_leftovers(run, places)
            # Another command may have done it since the caller looked.
            if not is_done(run, places, weights_needed):
                _do_run(run, dataset, places, tell)
        return ours


def _remove_leftovers(run: Run, places: Places) -> None:
    # Other runs' files in the same directories are of other names, which this leaves alone.
    remove_leftovers(places.results / f"{run.name}.json")
    for suffix in (".h5", ".options", ".checkpoint"):
        remove_leftovers(places.work / f"{run.name}{suffix}")


def _do_run(run: Run, dataset: "Dataset", places: Places, tell: Callable[[object], None]) -> None:
    from reproduction.results import describe_dataset, document_of, write_result

    started = time.perf_counter()
    if isinstance(run, BaselineRun):
        from reproduction.fit_baseline import fit_baseline

        positions, outcome = fit_baseline(run, dataset)
        seconds = time.perf_counter() - started
    else:
        from reproduction.train_network import train_network

        digest = describe_dataset(dataset)["digest"]
        positions, outcome = train_network(run, dataset, digest, places.work, tell)
        # Also those of before a kill.
        seconds = sum(iteration[4] + iteration[5] for iteration in outcome["iterations"])
    file = places.results / f"{run.name}.json"
    if not file.exists():
        write_result(file, document_of(run, dataset, positions, outcome, seconds))
    # Not earlier: whoever is killed before the result is there goes on from it.
    (places.work / f"{run.name}.checkpoint").unlink(missing_ok=True)


def to_json(run: Run, places: Places) -> str:
    """Return the argument of the process that does `run`."""
    return json.dumps(
        {"run": run.options(), "path": places.path, "results": str(places.results), "work": str(places.work)}
    )


def from_json(text: str) -> tuple[Run, Places]:
    """Return what `to_json` was given."""
    document = json.loads(text)
    places = Places(document["path"], Path(document["results"]), Path(document["work"]))
    options = dict(document["run"])
    if options.pop("kind") == "network":
        return NetworkRun(**options), places
    options["settings"] = tuple(tuple(setting.items()) for setting in options["settings"])
    return BaselineRun(**options), places


def read_data(path: str, name: str) -> "Dataset":
    """Return the dataset of a name; `sample` is the built-in one."""
    from ncf_keras.data import read_dataset, sample_dataset

    return sample_dataset() if name == "sample" else read_dataset(path, name)


def main(arguments: list[str]) -> int:
    """Do the run that the arguments describe; return 0, 2 after a message, 3 if another process has it."""
    run, places = from_json(arguments[0])
    try:
        done = do_run(
            run,
            read_data(places.path, run.dataset),
            places,
            lambda news: print(news, flush=True),
            weights_needed=WEIGHTS in arguments[1:],
        )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    return 0 if done else TAKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
