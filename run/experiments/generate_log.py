"""Generate a raw log of any number of rows, as `ncf prepare` reads it, as Parquet or CSV.

Command:  python run/experiments/generate_log.py --out Data/big.parquet --rows 100000000 --users 1000000

A row is a rating of an item by a user; rows are in the order of time but for some minutes, users come again
and again, some far more often than others, and pairs repeat. Users are numbers, items texts. Memory is that of
a block of rows.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.cli.console import run_command
from ncf_keras.cli.flags import whole_number

BLOCK = 2_000_000
# Seconds since 1970 of the first row, from one row to the next, and of the disorder.
BEGIN, STEP, DISORDER = 1_500_000_000, 2, 600


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate a log and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="the file, which ends in .parquet or .csv")
    parser.add_argument("--rows", type=whole_number(1), required=True)
    parser.add_argument("--users", type=whole_number(1), default=1_000_000)
    parser.add_argument("--items", type=whole_number(1), default=100_000)
    parser.add_argument("--seed", type=whole_number(0), default=1)
    flags = parser.parse_args(arguments)
    return run_command(lambda: _generate(flags))


def _generate(flags: argparse.Namespace) -> None:
    try:
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "This script needs pyarrow: pip install 'ncf-keras[parquet]'. Received: none"
        ) from None
    out = Path(flags.out)
    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"`--out` must end in .parquet or .csv. Received: {out}")
    schema = pa.schema([
        ("user_id", pa.int64()), ("item_id", pa.string()), ("rating", pa.float32()), ("timestamp", pa.int64()),
    ])  # fmt: skip
    writer_of = pa.parquet.ParquetWriter if out.suffix == ".parquet" else pa.csv.CSVWriter
    with written_beside(out) as file, contextlib.closing(writer_of(file, schema)) as writer:
        for columns in _blocks(flags):
            writer.write_table(pa.table(columns, schema=schema))
    print(f"{out}: {flags.rows:,} rows")


def _blocks(flags: argparse.Namespace) -> Iterator[list[Any]]:
    """Yield users, items, ratings and times of some rows after another."""
    import pyarrow as pa

    generator = np.random.default_rng(flags.seed)
    popularity = np.cumsum(1.0 / np.arange(1, flags.items + 1) ** 0.8)
    popularity /= popularity[-1]
    names = pa.array([f"B{number:07d}" for number in generator.permutation(flags.items)])
    for begin in range(0, flags.rows, BLOCK):
        count = min(BLOCK, flags.rows - begin)
        users = (flags.users * generator.random(count) ** 1.5).astype(np.int64)
        items = np.minimum(np.searchsorted(popularity, generator.random(count)), flags.items - 1)
        ratings = generator.integers(0, 11, count).astype(np.float32) / 2
        times = BEGIN + STEP * np.arange(begin, begin + count) + generator.integers(0, DISORDER, count)
        yield [pa.array(users), names.take(pa.array(items)), pa.array(ratings), pa.array(times)]


if __name__ == "__main__":
    sys.exit(main())
