"""The datasets that `ncf download` knows: where their publishers keep them, their checksums and licences.

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
    """A file at its publisher's; `checksum` is `md5:` or `git:` and the hexadecimal digest."""

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
        archive: the zip archive of the raw log, if there is one; `log` and `titles` are files in it.
        licence: its terms in a sentence.
    """

    name: str
    split: tuple[RemoteFile, ...]
    archive: RemoteFile | None
    log: str
    titles: str
    licence: str


def download_hint(name: str) -> str:
    """Return how to get the dataset `name`, to end an error with, or nothing if it is not known."""
    return f"; `ncf download {name}` downloads it" if name in KNOWN_DATASETS else ""


def _split(name: str, *digests: str) -> tuple[RemoteFile, ...]:
    files = zip(SPLIT_SUFFIXES, digests, strict=True)
    return tuple(RemoteFile(name + suffix, AUTHORS, f"git:{digest}") for suffix, digest in files)


def _movielens(
    name: str,
    title: str,
    md5: str,
    log: str,
    titles: str,
    split: tuple[RemoteFile, ...] = (),
    readme: str = "txt",
) -> KnownDataset:
    licence = (
        f"{title} is GroupLens' (University of Minnesota): for research, with acknowledgement, not to be "
        f"redistributed or used commercially without permission; see {GROUPLENS}{name}-README.{readme}"
    )
    return KnownDataset(name, split, RemoteFile(f"{name}.zip", GROUPLENS, f"md5:{md5}"), log, titles, licence)


_ALL = (
    _movielens(
        "ml-100k", "MovieLens 100K", "0e33842e24a9c977be4e0107933c0723", "ml-100k/u.data", "ml-100k/u.item",
    ),
    _movielens(
        "ml-1m", "MovieLens 1M", "c4d9eecfca2ab87c1945afe126590906", "ml-1m/ratings.dat", "ml-1m/movies.dat",
        _split("ml-1m", "31ba384fd58dac8fbd09d2dfc6616431f3563ab5", "1b79e03c96710c3b0c35deb19155ef74f7965a02",
               "c82844fb99d021f94751a6f915a230a1e8b8da92"),
    ),
    _movielens(
        "ml-10m", "MovieLens 10M", "ce571fd55effeba0271552578f2648bd", "ml-10M100K/ratings.dat",
        "ml-10M100K/movies.dat", readme="html",
    ),
    _movielens(
        "ml-20m", "MovieLens 20M", "cd245b17a1ae2cc31bb14903e1204af3", "ml-20m/ratings.csv",
        "ml-20m/movies.csv", readme="html",
    ),
    KnownDataset(
        "pinterest-20",
        _split("pinterest-20", "99813f8ed7486c36fa0f405e3f400db5d6fed0be",
               "87fdbd13bced61c51f2842e2a667e83b9b0084e3", "b752ccdc14df423b9484771440ff4a73e4a4a304"),
        None, "", "",
        "Pinterest-20 is the NCF authors' selection of the Pinterest data of Geng et al. (ICCV 2015): their "
        "repository is under the Apache License 2.0, and no licence of the data itself is known; see "
        "https://github.com/hexiangnan/neural_collaborative_filtering",
    ),
)  # fmt: skip
KNOWN_DATASETS: Mapping[str, KnownDataset] = {known.name: known for known in _ALL}
