"""The datasets that `run/download.py` knows: where their publishers keep them, their checksums and licences.

MD5: what GroupLens publishes beside each archive (`ml-1m.zip.md5` and so on). git: the blob SHA-1 under which
the authors' repository holds its split files.
"""

from collections.abc import Mapping
from dataclasses import dataclass

GROUPLENS = "https://files.grouplens.org/datasets/movielens/"
AUTHORS = "https://raw.githubusercontent.com/hexiangnan/neural_collaborative_filtering/master/Data/"
SPLIT_SUFFIXES = (".train.rating", ".test.rating", ".test.negative")


@dataclass(frozen=True)
class RemoteFile:
    """A file at its publisher's.

    Attributes:
        name: file name, at the publisher's and here.
        base_url: what stands before the name.
        checksum: `md5:` or `git:` and the hexadecimal digest.
    """

    name: str
    base_url: str
    checksum: str

    @property
    def url(self) -> str:
        """Where the file is."""
        return self.base_url + self.name


@dataclass(frozen=True)
class KnownDataset:
    """A public dataset, its sources and its terms.

    Attributes:
        name: what `--dataset` calls it.
        split: the authors' three files, where they published their split.
        archive: the zip archive of the raw log, if there is one.
        log: the log in the archive.
        titles: the title file in the archive.
        licence: its terms in a sentence.
    """

    name: str
    split: tuple[RemoteFile, ...]
    archive: RemoteFile | None
    log: str
    titles: str
    licence: str


def _authors_split(name: str, *digests: str, base_url: str = AUTHORS) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(name + suffix, base_url, f"git:{digest}")
        for suffix, digest in zip(SPLIT_SUFFIXES, digests, strict=True)
    )


def _movielens_licence(title: str, readme: str) -> str:
    return (
        f"{title} is GroupLens' (University of Minnesota): for research, with acknowledgement, not to be "
        f"redistributed or used commercially without permission; see {GROUPLENS}{readme}"
    )


KNOWN_DATASETS: Mapping[str, KnownDataset] = {
    "ml-100k": KnownDataset(
        "ml-100k",
        (),
        RemoteFile("ml-100k.zip", GROUPLENS, "md5:0e33842e24a9c977be4e0107933c0723"),
        "ml-100k/u.data",
        "ml-100k/u.item",
        _movielens_licence("MovieLens 100K", "ml-100k-README.txt"),
    ),
    "ml-1m": KnownDataset(
        "ml-1m",
        _authors_split(
            "ml-1m",
            "31ba384fd58dac8fbd09d2dfc6616431f3563ab5",
            "1b79e03c96710c3b0c35deb19155ef74f7965a02",
            "c82844fb99d021f94751a6f915a230a1e8b8da92",
        ),
        RemoteFile("ml-1m.zip", GROUPLENS, "md5:c4d9eecfca2ab87c1945afe126590906"),
        "ml-1m/ratings.dat",
        "ml-1m/movies.dat",
        _movielens_licence("MovieLens 1M", "ml-1m-README.txt"),
    ),
    "ml-10m": KnownDataset(
        "ml-10m",
        (),
        RemoteFile("ml-10m.zip", GROUPLENS, "md5:ce571fd55effeba0271552578f2648bd"),
        "ml-10M100K/ratings.dat",
        "ml-10M100K/movies.dat",
        _movielens_licence("MovieLens 10M", "ml-10m-README.html"),
    ),
    "ml-20m": KnownDataset(
        "ml-20m",
        (),
        RemoteFile("ml-20m.zip", GROUPLENS, "md5:cd245b17a1ae2cc31bb14903e1204af3"),
        "ml-20m/ratings.csv",
        "ml-20m/movies.csv",
        _movielens_licence("MovieLens 20M", "ml-20m-README.html"),
    ),
    "pinterest-20": KnownDataset(
        "pinterest-20",
        _authors_split(
            "pinterest-20",
            "99813f8ed7486c36fa0f405e3f400db5d6fed0be",
            "87fdbd13bced61c51f2842e2a667e83b9b0084e3",
            "b752ccdc14df423b9484771440ff4a73e4a4a304",
        ),
        None,
        "",
        "",
        "Pinterest-20 is the NCF authors' selection of the Pinterest data of Geng et al. (ICCV 2015): their "
        "repository is under the Apache License 2.0, and no licence of the data itself is known; see "
        "https://github.com/hexiangnan/neural_collaborative_filtering",
    ),
}


def download_hint(name: str) -> str:
    """Return how to get the dataset `name`, to end an error with, or nothing if it is not known."""
    return f"; `python run/download.py {name}` downloads it" if name in KNOWN_DATASETS else ""
