"""The results of one dataset, looked up by run: what tables, figures and tests are made of."""

from pathlib import Path

from ncf_keras.base.errors import InputError
from reproduction.grid import TARGETS, Grid
from reproduction.published import TITLES
from reproduction.results import Result, find_result
from reproduction.runs import Run

# Of the data of two results that stand beside each other.
SAME = ("digest", "users", "items", "train", "tests", "negatives")


class Book:
    """The finished runs of a grid, all on the same data, because tests pair them user by user.

    Args:
        grid: which runs there are to be.
        directory: of their JSON files.
    """

    def __init__(self, grid: Grid, directory: Path):
        self.grid = grid
        self._directory = directory
        self._read: dict[Run, Result | None] = {}
        self._first: Run | None = None

    def find(self, run: Run) -> Result | None:
        """Return the result of a run, None while there is none.

        Raises:
            InputError: the file of its name is of another run, on other data than those before, or no result.
        """
        if run not in self._read:
            result = find_result(self._directory, run)
            if result:
                self._require_same_data(run, result)
            self._read[run] = result
        return self._read[run]

    @property
    def title(self) -> str:
        """The paper's name of the dataset and ours, such as `MovieLens (ml-1m)`."""
        name = self.grid.dataset
        return f"{TITLES[name]} ({name})" if name in TITLES else name

    def dataset(self) -> dict | None:
        """Return what the results of the grid say of their dataset; None while there are none."""
        found = next(filter(None, map(self.find, self.grid.runs(TARGETS))), None)
        return found.document["dataset"] if found else None

    def _require_same_data(self, run: Run, result: Result) -> None:
        if self._first is None:
            self._first = run
            return
        ours, others = (found.document["dataset"] for found in (result, self._read[self._first]))
        if any(ours[key] != others[key] for key in SAME):
            raise InputError(
                f"{self._directory / f'{run.name}.json'} must be of a run on the same data as "
                f"{self._directory / f'{self._first.name}.json'}, with which it is compared user by user; move "
                f"one of them away. Received: {_described(ours)} beside {_described(others)}"
            )


def _described(dataset: dict) -> str:
    sizes = ", ".join(f"{dataset[key]:,} {key}" for key in ("users", "items", "train", "tests"))
    return f"{sizes}, digest {dataset['digest'][:12]!r}"
