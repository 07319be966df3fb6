"""What the client answers, and the error for a server that does not."""

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ncf_keras.base.errors import ServingError as ServingError

EMPTY_ITEM = -1
# The most that is shown of what a server says.
LONGEST_WORDS = 500


class Place(NamedTuple):
    """One place in a ranked list: an index without a title, or a raw id with its title, "" if it has none."""

    item: int | str
    title: str
    score: float


@dataclass(frozen=True)
class ItemLists:
    """Ranked lists of items, by index. Places that no item is left for come last, with item -1 and score -1.

    Attributes:
        items: int32 array [N, K], best first.
        scores: float32 array [N, K].
        known: bool array [N], whether the model knows the user (or item) of the row. An unknown user gets the
            most popular items, scored by their train interactions (none, if the model was exported without a
            dataset); an unknown item has an empty list.
    """

    items: np.ndarray
    scores: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.known)

    def places(self, row: int) -> list[Place]:
        """Return the filled places of a row."""
        pairs = zip(self.items[row].tolist(), self.scores[row].tolist(), strict=True)
        return [Place(item, "", score) for item, score in pairs if item != EMPTY_ITEM]


@dataclass(frozen=True)
class NamedItemLists:
    """Ranked lists of items, by raw id. Places that no item is left for come last, with id "" and score -1.

    Attributes:
        item_ids: N lists of K ids, best first. Bytes that are not UTF-8 are kept as `surrogateescape` does, so
            that an id can be sent back as it came.
        titles: N lists of K titles, "" for an item without one.
        scores: float32 array [N, K].
        known: bool array [N], as in `ItemLists`.
    """

    item_ids: list[list[str]]
    titles: list[list[str]]
    scores: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.known)

    def places(self, row: int) -> list[Place]:
        """Return the filled places of a row."""
        places = zip(self.item_ids[row], self.titles[row], self.scores[row].tolist(), strict=True)
        return [Place(*place) for place in places if place[0] != ""]


class VersionStatus(NamedTuple):
    """A version of a model on a server, and why it could not be loaded ("" if nothing went wrong).

    The state is `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`; only an available version answers.
    """

    version: int
    state: str
    error: str


class Tensor(NamedTuple):
    """An input or output of a signature, such as of dtype `int32`, `float32`, `string` or `bool`.

    In the shape, -1 is a dimension of any size; it is None if there may be any number of dimensions.
    """

    dtype: str
    shape: tuple[int, ...] | None


class Signature(NamedTuple):
    """What a signature takes and gives, by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def read_status(answer: Mapping[str, Any]) -> list[VersionStatus]:
    """Return the versions in a `GetModelStatusResponse` as JSON; raise ServingError if it is none."""
    try:
        return [
            VersionStatus(
                _whole(one["version"]),
                one_line(one["state"]),
                one_line(one.get("status", {}).get("error_message", "")),
            )
            for one in answer["model_version_status"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise unreadable("the status of a model", answer) from None


def read_signatures(answer: Mapping[str, Any]) -> dict[str, Signature]:
    """Return the signatures in a `GetModelMetadataResponse` as JSON; raise ServingError if it is none."""
    try:
        return {
            name: Signature(_tensors(one.get("inputs", {})), _tensors(one.get("outputs", {})))
            for name, one in answer["metadata"]["signature_def"]["signature_def"].items()
            if not name.startswith("__")
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise unreadable("the signatures of a model", answer) from None


def _tensors(described: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors = {}
    for name, one in described.items():
        shape = one.get("tensor_shape", {})
        sizes = tuple(_whole(size["size"]) for size in shape.get("dim", []))
        dtype = one["dtype"].removeprefix("DT_").lower()
        dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
        tensors[name] = Tensor(dtype, None if shape.get("unknown_rank") else sizes)
    return tensors


def _whole(value: object) -> int:
    """Return a whole number of 64 bits, which JSON has as a text or a number; raise ValueError otherwise."""
    if not isinstance(value, str | int) or not re.fullmatch("-?[0-9]{1,19}", str(value)):
        raise ValueError
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def one_line(words: str) -> str:
    """Return what a server says in one line, no longer than anybody reads."""
    line = " ".join(words[: 8 * LONGEST_WORDS].split())
    return line if len(line) <= LONGEST_WORDS else line[:LONGEST_WORDS] + "…"


def unreadable(wanted: str, received: object) -> ServingError:
    """Return the error for an answer of another kind than was asked for."""
    shown = repr(received[:80]) if isinstance(received, str | bytes) else reprlib.repr(received)
    return ServingError(f"the server must answer {wanted}. Received: {shown}")
