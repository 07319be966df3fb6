"""The settings of a training as a dataclass, which commands, notebooks, checkpoints and workers share."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ncf_keras.base.checks import is_number, plain, require_count, require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings

LEARNERS = ("adagrad", "adam", "rmsprop", "sgd")
ENGINES = ("compiled", "keras")
SAMPLERS = ("auto", "host", "device")
STEPS = ("auto", "dense", "deferred")
SELECTIONS = ("test", "validation", "none")
ON_NAN = ("stop", "reload")
PRECISIONS = ("float32", "tf32", "bfloat16")
DECAYS = ("none", "cosine", "exponential")

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
        sampler: where negatives are drawn and examples shuffled: by the `host`, or by the `device` in the
            compiled programs; `auto` is the device where TensorFlow has a GPU. Another than the one that a
            training began with can't go on with it.
        step: which rows of the embeddings a step of the compiled engine moves: all (`dense`), or those of its
            batch, the others later in closed form (`deferred`); `auto`: what is faster for the sizes.
        top_k: length of the ranked list.
        patience: stop after that many evaluations without a better hit ratio; None never stops early.
        evaluate_every: evaluate one epoch in so many, beginning with the first.
        shards: of users, each of which draws its own examples; several can be divided among workers, whose
            number then changes no result. 1: all examples are drawn together.
        on_nan: what to do if the loss or a weight is not finite after an epoch: `stop` with an error, or
            `reload` the state before the epoch and halve the learning rate.
        precision: of the products of a step: `float32`; `tf32`: 10 bits of them, on a GPU that has it; or
            `bfloat16`: 7 bits. Weights, slots, loss and the update are float32, and so is evaluation.
        deterministic: whether TensorFlow may use deterministic operations alone, from then on in the process;
            it matters on a GPU, for on a CPU all are.
        beta_1: share of the mean gradient that Adam keeps at a step, above 0 and below 1.
        beta_2: share of the mean squared gradient that Adam keeps at a step, above 0 and below 1.
        epsilon: what Adam adds to the root of the mean squared gradient, from 1e-30.
        warmup_steps: steps during which the learning rate rises in a line to `learning_rate`.
        learning_rate_decay: what happens then: `none`; `cosine`, to 0 in `decay_steps`; or `exponential`, times
            `decay_rate` every `decay_steps`. See `schedules.py`.
        decay_steps: see `learning_rate_decay`.
        decay_rate: see `learning_rate_decay`.

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
    # What `auto` stands for depends on the machine; the engine's state says which it was.
    sampler: str = field(default="auto", metadata=_MAY_CHANGE)
    step: str = "auto"
    top_k: int = field(default=10, metadata=_OF_CHIEF)
    patience: int | None = field(default=None, metadata=_OF_CHIEF)
    evaluate_every: int = field(default=1, metadata=_OF_CHIEF)
    shards: int = 1
    on_nan: str = field(default="stop", metadata=_MAY_CHANGE)
    precision: str = "float32"
    deterministic: bool = False
    beta_1: float = DEFAULT_ADAM.beta_1
    beta_2: float = DEFAULT_ADAM.beta_2
    epsilon: float = DEFAULT_ADAM.epsilon
    warmup_steps: int = 0
    learning_rate_decay: str = "none"
    decay_steps: int = 0
    decay_rate: float = 0.1

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
        if self.patience is not None and self.select == "none":
            rule = "None with `select` none, which evaluates nothing"
            raise InputError(f"`patience` must be {rule}. Received: {self.patience}")
        require_one_of(self.engine, ENGINES, "engine")
        require_one_of(self.sampler, SAMPLERS, "sampler")
        require_one_of(self.step, STEPS, "step")
        require_one_of(self.on_nan, ON_NAN, "on_nan")
        require_one_of(self.precision, PRECISIONS, "precision")
        if not isinstance(self.deterministic, bool):
            raise InputError(f"`deterministic` must be True or False. Received: {self.deterministic!r}")
        if self.sampler == "device" and self.engine != "compiled":
            raise InputError(f"`sampler` must be host or auto for the {self.engine} engine. Received: 'device'")
        if self.step != "auto" and self.engine != "compiled":
            raise InputError(f"`step` must be auto for the {self.engine} engine. Received: {self.step!r}")
        if self.shards > 1 and self.engine != "compiled":
            raise InputError(f"`shards` must be 1 with the keras engine. Received: {self.shards}")
        if self.shards > max(1, self.batch_size):
            raise InputError(
                "`shards` must be at most `batch_size`, because each batch has examples of every shard. "
                f"Received: {self.shards}, with batches of {self.batch_size}"
            )
        if self.shards > 1 and self.sampler == "device":
            raise InputError(f"`shards` must be 1 with the device's sampler. Received: {self.shards}")
        if self.shards > 1 and self.step != "auto":
            raise InputError(f"`step` must be auto with shards. Received: {self.step!r}")
        self._check_adam()
        self._check_schedule()

    @property
    def adam(self) -> AdamSettings:
        """The betas and epsilon of Adam."""
        return AdamSettings(self.beta_1, self.beta_2, self.epsilon)

    @property
    def has_schedule(self) -> bool:
        """Whether the learning rate changes from step to step."""
        return self.warmup_steps > 0 or self.learning_rate_decay != "none"

    def _check_adam(self) -> None:
        if self.adam != DEFAULT_ADAM and self.learner != "adam":
            changed = [name for name, value in vars(DEFAULT_ADAM).items() if getattr(self, name) != value]
            raise InputError(
                f"`{changed[0]}` must be left out for other learners than adam. Received: {self.learner}"
            )

    def _check_schedule(self) -> None:
        require_count(self.warmup_steps, "warmup_steps", 0)
        require_one_of(self.learning_rate_decay, DECAYS, "learning_rate_decay")
        require_count(self.decay_steps, "decay_steps", 0)
        if (self.decay_steps > 0) != (self.learning_rate_decay != "none"):
            rule = "at least 1 with a decay of the learning rate, and be left out without one"
            raise InputError(f"`decay_steps` must be {rule}. Received: {self.decay_steps!r}")
        if not is_number(self.decay_rate) or not 0 < self.decay_rate <= 1:
            raise InputError(
                f"`decay_rate` must be a number above 0 and at most 1. Received: {self.decay_rate!r}"
            )
        if self.learning_rate_decay != "exponential" and self.decay_rate != type(self).decay_rate:
            raise InputError(
                "`decay_rate` must be left out unless `learning_rate_decay` is exponential. "
                f"Received: {self.decay_rate!r} with {self.learning_rate_decay!r}"
            )

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
