"""Names found by a part of them, as somebody types."""

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np


class Search:
    """The items or users whose title or id holds what was typed, without regard to case and accents.

    Args:
        names: of each index, the texts to find it by, such as its title and its id.
        order: int: the indices that can be found; of equally good ones the first here comes first.
    """

    def __init__(self, names: Sequence[Sequence[str]], order: np.ndarray):
        # A line break before each text: what follows one is how a text begins.
        self._texts = ["".join(f"\n{folded(text)}" for text in texts) for texts in names]
        self._order = order.tolist()

    def find(self, typed: str, most: int) -> list[int]:
        """Return at most `most` indices that hold every word of what was typed; if nothing was, the first.

        First come those with a text that is what was typed, then those with one that begins with it, then those
        with a word that does.
        """
        wanted = folded(typed)
        found: Iterable[int] = (
            itertools.chain.from_iterable(self._by_closeness(wanted)) if wanted else self._order
        )
        return list(itertools.islice(_once(found), most))

    def _by_closeness(self, wanted: str) -> Iterator[Iterator[int]]:
        words = wanted.split()
        yield (index for index in self._holding(f"\n{wanted}") if wanted in self._texts[index].split("\n"))
        yield self._holding(f"\n{wanted}")
        yield self._holding(f" {wanted}")
        rest = words[1:]
        yield (index for index in self._holding(words[0]) if all(word in self._texts[index] for word in rest))

    def _holding(self, part: str) -> Iterator[int]:
        return (index for index in self._order if part in self._texts[index])


def folded(text: str) -> str:
    """Return a text with small letters, without accents, with one space between words."""
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(part for part in parts if not unicodedata.combining(part))
    return " ".join(text.casefold().split())


def _once(indices: Iterable[int]) -> Iterator[int]:
    """Yield each index when it comes for the first time."""
    seen: set[int] = set()
    for index in indices:
        if index not in seen:
            seen.add(index)
            yield index
