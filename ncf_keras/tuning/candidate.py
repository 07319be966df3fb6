"""What a search tries: a model with settings, that learns from some interactions and is measured on others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ncf_keras.evaluation import RankingResult
from ncf_keras.tuning.spaces import Settings

if TYPE_CHECKING:
    from ncf_keras.data import Dataset

# Told NDCG after each epoch, numbered from 0; returns whether the candidate is to be given up.
Tell = Callable[[int, float], bool]
# The epoch from which it may say so.
EPOCHS_BEFORE_PRUNING = 1


@dataclass(frozen=True)
class Effort:
    """What may be spent on a candidate, and how it is measured.

    Attributes:
        epochs: the most passes over the examples.
        seed: of all randomness.
        top_k: length of the ranked list.
        patience: passes without a better NDCG after which a candidate is done.
    """

    epochs: int = 20
    seed: int = 0
    top_k: int = 10
    patience: int = 3


@dataclass(frozen=True)
class Outcome:
    """What came of a candidate.

    Attributes:
        result: how it ranked the pairs that were held out, at its best.
        settings: its settings, with what was found while it learned, such as the number of epochs.
        given_up: whether it was given up before its end.
    """

    result: RankingResult
    settings: Settings
    given_up: bool = False


class Candidate(Protocol):
    """A kind of model that a search can try; `settings` are those of its space (`spaces.py`)."""

    def measure(self, settings: Settings, examples: "Dataset", effort: Effort, tell: Tell) -> Outcome:
        """Learn from the train interactions of `examples` and rank its test pairs, after each epoch.

        Raises:
            Diverged: a number was not finite.
            InputError: the settings do not suit the data.
        """

    def make(self, settings: Settings, dataset: "Dataset", seed: int) -> Any:
        """Return the model that has learned from all train interactions, by the settings of an Outcome."""

    def flags(self, settings: Settings, seed: int, preset: str) -> list[str]:
        """Return the command after `ncf`, such as `neumf`, and the flags that make the same model as `make`.

        `preset` is the file that has the settings, for a command that reads them from one.
        """
