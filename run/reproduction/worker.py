"""One run from beginning to end: what a process of `run/paper.py` does.

python run/reproduction/worker.py '[{OPTIONS OF THE RUN}, PATH, RESULTS, WORK]'
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
from reproduction.results import describe_dataset, document_of, write_result
from reproduction.runs import SAMPLE, BaselineRun, NetworkRun, Run, run_of

if TYPE_CHECKING:
    from ncf_keras.data import Dataset

FAILED = 2
TAKEN = 3


@dataclass(frozen=True)
class Places:
    """What stands before the dataset's name, and the directories of its results, and of weights and logs."""

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


def is_done(run: Run, places: Places) -> bool:
    """Tell whether a run has left all that it leaves: its result, and the weights of a network."""
    has_result = (places.results / f"{run.name}.json").is_file()
    return has_result and (isinstance(run, BaselineRun) or has_weights(run, places.work))


def do_run(
    run: Run, dataset: "Dataset", places: Places, tell: Callable[[object], None] = lambda news: None
) -> bool:
    """Train or fit a run and write its result; return False, with nothing done, if another process is at it.

    What it starts from is trained first, if its weights are gone; a result that is there stays as it is. What a
    killed process had begun to write is removed. The directories exist; `tell` is called with each iteration.
    """
    file, checkpoint = places.results / f"{run.name}.json", places.work / f"{run.name}.checkpoint"
    with try_lock(places.work / f"{run.name}.lock") as ours:
        if not ours:
            return False
        # Files of other runs in the same directories are of other names, which this leaves alone.
        for path in (file, checkpoint, *(places.work / f"{run.name}{end}" for end in (".h5", ".options"))):
            remove_leftovers(path)
        if is_done(run, places):
            # Another command may have done it since the caller looked.
            return True
        for parent in run.parents():
            if not has_weights(parent, places.work) and not do_run(parent, dataset, places, tell):
                return False
        started = time.perf_counter()
        if isinstance(run, NetworkRun):
            from reproduction.train_network import train_network

            digest = describe_dataset(dataset)["digest"]
            positions, outcome = train_network(run, dataset, digest, places.work, tell)
            # Also those of before a kill.
            seconds = sum(iteration[4] + iteration[5] for iteration in outcome["iterations"])
        else:
            from reproduction.fit_baseline import fit_baseline

            positions, outcome = fit_baseline(run, dataset)
            seconds = time.perf_counter() - started
        if not file.exists():
            write_result(file, document_of(run, dataset, positions, outcome, seconds))
        # Not earlier: whoever is killed before the result is there goes on from it.
        checkpoint.unlink(missing_ok=True)
        return True


def to_json(run: Run, places: Places) -> str:
    """Return the argument of the process that does `run`."""
    return json.dumps([run.options(), places.path, str(places.results), str(places.work)])


def from_json(text: str) -> tuple[Run, Places]:
    """Return what `to_json` was given."""
    options, path, results, work = json.loads(text)
    return run_of(options), Places(path, Path(results), Path(work))


def read_data(path: str, name: str) -> "Dataset":
    """Return the dataset of a name; `sample` is the built-in one."""
    from ncf_keras.data import read_dataset, sample_dataset

    return sample_dataset() if name == SAMPLE else read_dataset(path, name)


def main(arguments: list[str]) -> int:
    """Do the run that the argument describes; return 0, 2 after a message, 3 if another process has it."""
    run, places = from_json(arguments[0])
    try:
        dataset = read_data(places.path, run.dataset)
        return 0 if do_run(run, dataset, places, lambda news: print(news, flush=True)) else TAKEN
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
