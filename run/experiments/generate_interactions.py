"""Generate interactions of any number as a dataset whose train part is Parquet, a block of users at a time.

Command:  python run/experiments/generate_interactions.py --out Data/big --interactions 100000000 (4 minutes)

Users have from a few to many items, the share of the most popular items is Zipf's, and each user likes one of
some groups of items better than the rest, so that there is something to learn. Written are `.train.parquet`
and of some users `.test.rating` and `.test.negative`. Memory is that of one block.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory, written_beside
from ncf_keras.cli.console import run_command
from ncf_keras.cli.flags import whole_number

BLOCK = 5_000_000
GROUPS = 20
NEGATIVES = 99
# Share of a user's items that come from the group they like.
LIKED = 0.7


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate a dataset and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="directory and name of the dataset, such as Data/big")
    parser.add_argument("--interactions", type=whole_number(1000), required=True, help="about so many")
    parser.add_argument(
        "--users", type=whole_number(100), default=None, help="one for 200 interactions if left out"
    )
    parser.add_argument("--items", type=whole_number(2000), default=17_770)
    parser.add_argument("--tests", type=whole_number(1), default=5_000, help="users with a held-out item")
    parser.add_argument("--seed", type=whole_number(0), default=1)
    flags = parser.parse_args(arguments)
    return run_command(lambda: _generate(flags))


def _generate(flags: argparse.Namespace) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise InputError("Parquet needs pyarrow: pip install 'ncf-keras[parquet]'. Received: none") from None
    out = Path(flags.out)
    writable_directory(out.parent, "--out")
    users = flags.users or max(100, flags.interactions // 200)
    if flags.interactions / users > flags.items / 20:
        raise InputError(
            f"`--items` must be at least 20 times --interactions / --users. Received: {flags.items}"
        )
    tests = min(flags.tests, users)
    generator = np.random.default_rng(flags.seed)
    schema = pa.schema([("user", pa.int32()), ("item", pa.int32())])
    total, held_out = 0, []
    with (
        written_beside(_named(out, ".test.negative")) as negative_file,
        written_beside(_named(out, ".test.rating")) as test_file,
        written_beside(_named(out, ".train.parquet")) as train_file,
    ):
        with pa.parquet.ParquetWriter(train_file, schema) as writer:
            for block_users, block_items in _blocks(users, flags, generator):
                is_test = (block_users < tests) & (np.diff(block_users, prepend=-1) != 0)
                held_out.append(np.stack([block_users[is_test], block_items[is_test]], 1))
                columns = [block_users[~is_test], block_items[~is_test]]
                writer.write_table(pa.table(columns, schema=schema))
                total += len(columns[0])
        _write_tests(np.concatenate(held_out), flags.items, generator, test_file, negative_file)
    print(f"{out}: {users:,} users, {flags.items:,} items, {total:,} train interactions, {tests:,} tests")


def _blocks(
    users: int, flags: argparse.Namespace, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield users, ascending, and items, in random order within a user: int32, no pair twice."""
    mean = flags.interactions / users
    popularity = np.cumsum(1.0 / np.arange(1, flags.items + 1) ** 0.8)
    popularity /= popularity[-1]
    step = max(1, int(BLOCK / mean))
    for start in range(0, users, step):
        ids = np.arange(start, min(start + step, users), dtype=np.int64)
        # Draw 1.5 times as many as asked for, because duplicates are removed.
        counts = np.maximum(2, generator.lognormal(np.log(1.5 * mean) - 0.32, 0.8, len(ids))).astype(np.int64)
        counts = np.minimum(counts, flags.items // 4)
        who = np.repeat(ids, counts)
        rank = np.searchsorted(popularity, generator.random(len(who)), side="right")
        # A user's group are the items whose rank leaves the same remainder as the user's number.
        liked = generator.random(len(who)) < LIKED
        rank[liked] += (who[liked] - rank[liked]) % GROUPS
        pairs = np.unique(who * flags.items + np.minimum(rank, flags.items - 1))
        pairs = pairs[np.lexsort((generator.random(len(pairs)), pairs // flags.items))]
        yield (pairs // flags.items).astype(np.int32), (pairs % flags.items).astype(np.int32)


def _write_tests(
    held_out: np.ndarray, items: int, generator: np.random.Generator, test_file: Path, negative_file: Path
) -> None:
    """Write the held-out pairs and random items to rank each against."""
    with test_file.open("w") as tests, negative_file.open("w") as lists:
        for user, item in held_out:
            tests.write(f"{user}\t{item}\t1\n")
            negatives = generator.choice(items, NEGATIVES, replace=False)
            lists.write("\t".join([f"({user},{item})", *map(str, negatives)]) + "\n")


def _named(out: Path, suffix: str) -> Path:
    return out.with_name(out.name + suffix)


if __name__ == "__main__":
    sys.exit(main())
