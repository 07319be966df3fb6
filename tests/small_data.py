"""Small data for tests that read or train: the authors' three files by hand, and a random dataset."""

from pathlib import Path

import numpy as np

SUFFIXES = {"train": ".train.rating", "test": ".test.rating", "negatives": ".test.negative"}
TRAIN = "0\t1\t5\t100\n1\t0\t4\t101\n"
TEST = "0\t2\t3\t102\n1\t2\t5\t103\n"
NEGATIVES = "(0,2)\t0\t3\n(1,2)\t1\t3\n"


def write_files(
    directory: Path, name: str = "small", train: str = TRAIN, test: str = TEST, negatives: str = NEGATIVES
) -> dict[str, Path]:
    """Write the texts as the three files of a dataset; surrogates stand for bytes that are not UTF-8."""
    paths = {part: directory / (name + suffix) for part, suffix in SUFFIXES.items()}
    for part, text in (("train", train), ("test", test), ("negatives", negatives)):
        paths[part].write_bytes(text.encode("utf-8", "surrogateescape"))
    return paths


NUM_USERS, NUM_ITEMS = 20, 30


def write_random_files(directory: Path) -> tuple[str, ...]:
    """Write a small random dataset, 120 positives; return the flags that name it."""
    generator = np.random.default_rng(5)
    train, test, negatives = [], [], []
    for user in range(NUM_USERS):
        items = generator.permutation(NUM_ITEMS)
        train += [f"{user}\t{item}\t1\n" for item in items[:6]]
        test.append(f"{user}\t{items[6]}\t1\n")
        negatives.append(f"({user},{items[6]})\t" + "\t".join(map(str, items[7:27])) + "\n")
    write_files(directory, "small", "".join(train), "".join(test), "".join(negatives))
    return ("--path", f"{directory}/", "--dataset", "small")
