"""How lists are found: every item ranked by the network, or in two stages; what was measured of these."""

import dataclasses
import json
from dataclasses import dataclass

from ncf_keras.base.checks import require_above_zero, require_count
from ncf_keras.base.errors import InputError

# Lists up to this length have the number of candidates that was chosen, longer ones more in proportion.
MEASURED_LENGTH = 10
# Doubled while too few of a list's items are among them.
FEWEST_CANDIDATES = 64
USERS_MEASURED = 1_000
# Where an export finds candidates unless it is told otherwise, and how well.
TWO_STAGES_FROM = 100_000
DEFAULT_RECALL = 0.99


@dataclass(frozen=True)
class Stages:
    """How the lists of a `Ranker` are found, and how good they are.

    Attributes:
        candidates: how many items the network ranks for a list of up to ten; None: all (exact).
        probed: of how many unseen items inner products are computed for it, at the least; None likewise.
        items: how many items may be on a list.
        recall: measured recall@10: the share of the items of exact lists that is found; 1 of exact lists.
        users: of how many users lists were compared; 0: of none. Where lists are exact all the same, no number
            of candidates reached the recall that was wanted.
    """

    candidates: int | None
    probed: int | None
    items: int
    recall: float = 1.0
    users: int = 0

    def in_words(self) -> str:
        """Return this as a sentence for people."""
        if self.candidates is None:
            why = " No number of candidates reaches the recall." if self.users else ""
            return f"Lists are exact: the network ranks all {self.items:,} items.{why}"
        return (
            f"Lists are found in two stages: the network ranks {self.candidates:,} candidates of "
            f"{self.items:,} items. Measured recall@{MEASURED_LENGTH}: {self.recall:.4f}, of the exact lists "
            f"of {self.users:,} users."
        )

    def to_json(self) -> str:
        """Return the fields as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Stages":
        """Return what `to_json` made this text of."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError):
            raise InputError(
                f"How lists are found must be what `to_json` wrote. Received: {text[:40]!r}"
            ) from None


@dataclass(frozen=True)
class Wanted:
    """What is asked of two stages; the defaults are exact lists.

    Attributes:
        candidates: how many; None: as many as `recall` takes.
        recall: recall@10 to reach, above 0; 1 and None are exact lists, unless `candidates` is given.
        measured: what another process has chosen and measured for the same lists; then neither of the others is
            looked at, and nothing is measured again.

    Raises:
        InputError: a number is out of range, or both are given.
    """

    candidates: int | None = None
    recall: float | None = None
    measured: Stages | None = None

    def __post_init__(self) -> None:
        if self.candidates is not None and self.recall is not None:
            raise InputError("`recall` must come without `candidates`, which it chooses. Received: both")
        if self.candidates is not None:
            require_count(self.candidates, "candidates", MEASURED_LENGTH)
        if self.recall is not None:
            require_above_zero(self.recall, "recall")
            if self.recall > 1:
                raise InputError(f"`recall` must be at most 1. Received: {self.recall!r}")

    @property
    def is_exact(self) -> bool:
        """Whether no candidates are asked for."""
        if self.measured is not None:
            return self.measured.candidates is None
        return self.candidates is None and self.recall in (None, 1)

    @classmethod
    def by_default(cls, candidates: int | None, recall: float | None, num_items: int) -> "Wanted":
        """Return what is asked for; where that is nothing, what suits so many items."""
        if candidates is None and recall is None and num_items >= TWO_STAGES_FROM:
            recall = DEFAULT_RECALL
        return cls(candidates, recall)
