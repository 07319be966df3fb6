"""The authors' three files, small and by hand, for tests that read or train."""

from pathlib import Path

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
