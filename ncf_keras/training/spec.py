"""The settings of a training as a dataclass, which commands, notebooks, checkpoints and workers share."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ncf_keras.base.checks import is_number, plain, require_count, require_one_of
from ncf_keras.base.errors import InputError

LEARNERS = ("adagrad", "adam", "rmsprop", "sgd")
ENGINES = ("compiled", "keras")
SELECTIONS = ("test", "validation", "none")
ON_NAN = ("stop", "reload")

# A field that may change when a training resumes from a checkpoint.
_MAY_CHANGE = {"may_change": True}
# A field that only the chief (worker 0) uses, so that it may differ between workers.
_OF_CHIEF = {"of_chief": True}


@dataclass(frozen=True)
class TrainingSpec:
    """The settings of a training, each checked when the spec is made.

    Attributes:
        epochs: the most passes over the data.
        batch_size: examples per step.
        num_neg: negatives for each positive, drawn anew in each epoch.
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`.
        learning_rate: above 0.
        select: which pairs select the best epoch. `validation` holds out one train interaction of each user;
            `test` uses the test pairs, as the authors do, which makes the test result slightly too good; `none`
            evaluates nothing and selects the last epoch.
        seed: of the sampling.
        engine: `compiled`, or `keras` for plain `model.fit`.
        top_k: length of the ranked list.
        patience: stop after that many evaluations without a better hit ratio; None never stops early.
        evaluate_every: evaluate one epoch in so many, beginning with the first.
        shards: of users, each of which draws its own examples; several can be divided among workers, whose
            number then changes no result. 1: all examples are drawn together.
        on_nan: what to do if the loss or a weight is not finite after an epoch: `stop` with an error, or
            `reload` the state before the epoch and halve the learning rate.

    Raises:
        InputError: a setting breaks its rule.
    """

    epochs: int = field(default=20, metadata=_MAY_CHANGE)
    batch_size: int = 256
    num_neg: int = 4
    learner: str = "adam"
    learning_rate: float = 0.001
    select: str = "validation"
    seed: int = 0
    engine: str = "compiled"
    top_k: int = field(default=10, metadata=_OF_CHIEF)
    patience: int | None = field(default=None, metadata=_OF_CHIEF)
    evaluate_every: int = field(default=1, metadata=_OF_CHIEF)
    shards: int = 1
    on_nan: str = field(default="stop", metadata=_MAY_CHANGE)

    def __post_init__(self) -> None:
        require_count(self.epochs, "epochs", 0)
        require_count(self.num_neg, "num_neg", 0)
        require_count(self.seed, "seed", 0)
        for name in ("batch_size", "top_k", "evaluate_every", "shards"):
            require_count(getattr(self, name), name)
        if self.patience is not None:
            require_count(self.patience, "patience")
        if not is_number(self.learning_rate) or self.learning_rate <= 0:
            raise InputError(f"`learning_rate` must be a number above 0. Received: {self.learning_rate!r}")
        if isinstance(self.learner, str):
            object.__setattr__(self, "learner", self.learner.lower())
        for each in dataclasses.fields(self):
            object.__setattr__(self, each.name, plain(getattr(self, each.name)))
        require_one_of(self.learner, LEARNERS, "learner")
        require_one_of(self.select, SELECTIONS, "select")
        require_one_of(self.engine, ENGINES, "engine")
        require_one_of(self.on_nan, ON_NAN, "on_nan")
        if self.shards > 1 and self.engine != "compiled":
            raise InputError(f"`shards` must be 1 with the keras engine. Received: {self.shards}")

    def to_json(self) -> dict[str, Any]:
        """Return the settings by name, as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainingSpec":
        """Return the spec whose `to_json` returned `values`."""
        return cls(**values)

    @classmethod
    def names(cls, kind: str) -> set[str]:
        """Return the names of the fields that are marked with `kind`: `may_change` or `of_chief`."""
        return {each.name for each in dataclasses.fields(cls) if each.metadata.get(kind)}
