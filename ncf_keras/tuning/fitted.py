"""Baselines, which learn in one piece."""

import dataclasses
from typing import TYPE_CHECKING

from ncf_keras.baselines.loading import BASELINES
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.tuning.candidate import Effort, Outcome, Tell
from ncf_keras.tuning.spaces import Settings

if TYPE_CHECKING:
    from ncf_keras.baselines import Baseline
    from ncf_keras.data import Dataset


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A Candidate of a kind of baseline.

    Attributes:
        name: of its class in `ncf_keras.baselines`.
    """

    name: str

    def measure(self, settings: Settings, examples: "Dataset", effort: Effort, tell: Tell) -> Outcome:
        """Fit, and rank the held-out pairs once."""
        protocol = LeaveOneOut(examples.test_users, examples.test_items, examples.test_negatives)
        fitted = self.make(settings, examples, effort.seed)
        return Outcome(protocol.evaluate(fitted.score, effort.top_k), settings)

    def make(self, settings: Settings, dataset: "Dataset", seed: int) -> "Baseline":
        """Fit the baseline."""
        return BASELINES[self.name](**settings, **self._seed(seed)).fit(dataset)

    def flags(self, settings: Settings, seed: int, preset: str) -> list[str]:
        """Return `baseline NAME` and its flags."""
        values = {**settings, **self._seed(seed)}
        return ["baseline", self.name, *(word for name in values for word in (f"--{name}", f"{values[name]}"))]

    def _seed(self, seed: int) -> dict[str, int]:
        """Return the seed as a setting, where the baseline draws anything."""
        names = {each.name for each in dataclasses.fields(BASELINES[self.name])}
        return {"seed": seed} if "seed" in names else {}
