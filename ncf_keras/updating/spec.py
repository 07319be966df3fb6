"""The settings of an update as a dataclass, each checked when the spec is made."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ncf_keras.base.checks import is_number, require_count
from ncf_keras.base.errors import InputError
from ncf_keras.models.checks import require_dropout
from ncf_keras.training.spec import TrainingSpec


@dataclass(frozen=True)
class UpdateSpec:
    """How a model is brought up to date with a log, and when the result is published.

    Attributes:
        training: the settings of the training; its `select` is always `none`: the pairs that decide about
            publishing select no epoch. 0 epochs fold new users and items in and train nothing.
        replay: old interactions drawn for each new one to train on; None: all interactions.
        tolerance: how much lower HR and NDCG may be than those of the served model for the new one to be
            published.
        keep: how many of the versions that updates published are kept.
        top_k: length of the ranked list that HR and NDCG are of.
        identity_dropout: of a model with features, as in `ModelSpec`; weights do not tell.

    Raises:
        InputError: a setting breaks its rule.
    """

    # As in the replay of docs/lifecycle.md.
    training: TrainingSpec = field(default_factory=lambda: TrainingSpec(epochs=4))
    replay: float | None = 4.0
    tolerance: float = 0.005
    keep: int = 3
    top_k: int = 10
    identity_dropout: float = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "training", dataclasses.replace(self.training, select="none"))
        if self.replay is not None and not (is_number(self.replay) and self.replay >= 0):
            raise InputError(f"`replay` must be a number of at least 0. Received: {self.replay!r}")
        if not is_number(self.tolerance) or not 0 <= self.tolerance <= 1:
            raise InputError(f"`tolerance` must be a number from 0 to 1. Received: {self.tolerance!r}")
        require_count(self.keep, "keep")
        require_count(self.top_k, "top_k")
        require_dropout(self.identity_dropout)

    def to_json(self) -> dict[str, Any]:
        """Return the settings by name, as JSON values; what matters to features alone only where it is set."""
        values = dataclasses.asdict(self)
        if not self.identity_dropout:
            del values["identity_dropout"]
        return values
