"""A small living model: the log of a first day, its dataset and weights, and the logs of nights after it."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ncf_keras.cli.prepare import main as prepare
from ncf_keras.data import read_dataset
from ncf_keras.models import ModelSpec
from ncf_keras.serving.publishing import publish
from ncf_keras.updating import workplace
from ncf_keras.weights import save_weights

FACTORS = 4
QUICK = ("--batch_size", "64", "--lr", "0.01", "--epochs", "3", "--replay", "all")


def rows_of(users, items, seed: int, start: int, count: int = 8):
    """Return (user, item, timestamp) of so many interactions of each user, who like what has their parity."""
    draw = random.Random(seed)
    rows = []
    for user in users:
        liked = [item for item in items if (user + item) % 2 == 0]
        rows += [(f"u{user}", f"i{item}") for item in draw.sample(liked, min(count, len(liked)))]
    draw.shuffle(rows)
    return [(*row, start + moment) for moment, row in enumerate(rows)]


# Each night has interactions of users and items of before, and of new ones.
DAY = rows_of(range(24), range(30), 1, 1000)
NIGHTS = [rows_of(range(4 * n, 26 + 2 * n), range(n, 32 + n), n + 2, 1000 * (n + 2), 3) for n in range(3)]


def write_log(file: Path, rows) -> Path:
    file.write_text("user,item,timestamp\n" + "".join(f"{user},{item},{time}\n" for user, item, time in rows))
    return file


def begin(directory: Path) -> None:
    """Fill a directory with the logs, and with what the first day's made: `Data/d` and `served.h5`."""
    write_logs(directory)
    assert prepare([f"{directory}/day.csv", "--out", f"{directory}/Data/d", "--negatives", "10"]) == 0
    dataset = read_dataset(f"{directory}/Data/", "d")
    model = ModelSpec("GMF", dataset.num_users, dataset.num_items, num_factors=FACTORS).build(1)
    save_weights(model, directory / "served.h5")


def write_logs(directory: Path) -> None:
    """Write `day.csv` and `night0.csv` to `night2.csv`, and make the directory `Data`."""
    (directory / "Data").mkdir()
    write_log(directory / "day.csv", DAY)
    for number, rows in enumerate(NIGHTS):
        write_log(directory / f"night{number}.csv", rows)


def words(directory: Path, *more: str, log: str = "night0.csv") -> list[str]:
    """Return the command line of an update in a directory."""
    logs = [f"{directory}/{log}"] if log else []
    flags = ["--path", f"{directory}/Data/", "--dataset", "d", "--weights", f"{directory}/served.h5"]
    return [*logs, *flags, "--to", f"{directory}/served", *QUICK, *more]


@contextlib.contextmanager
def quick_exports() -> Iterator[None]:
    """Let updates publish versions that are quickly made, for tests that do not look into them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workplace, "export_model", _published)
        yield


def _published(model, dataset, directory, *, beside, **asked):
    def build(building):
        (building / "assets.extra").mkdir()
        for name, content in beside.items():
            (building / name).write_bytes(content)

    return publish(build, directory)
