"""What a checkpoint says about a run besides its arrays; as JSON and back, nothing of it taken on trust."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError

if TYPE_CHECKING:
    from ncf_keras.evaluation import RankingResult
    from ncf_keras.training import Iteration, LoopState


@dataclass(frozen=True)
class RunState:
    """Where a run stands, in plain numbers: when it is read, TensorFlow may not be imported yet.

    Attributes:
        options: what it was started with, as far as it must be the same to go on.
        epochs: the most that it may train.
        init: HR and NDCG before training, once they are known.
        rows: the values of each `Iteration` printed so far.
        loop: epochs done, the three values of `Best`, evaluations since it; None as long as `init` is.
        saved_at: the time in the name of the best model's file; None if none is saved at all.
        saved: whether that file was written.
    """

    options: Mapping[str, object]
    epochs: int
    init: tuple[float, float] | None = None
    rows: tuple[tuple, ...] = ()
    loop: tuple | None = None
    saved_at: int | None = None
    saved: bool = False

    @property
    def epochs_done(self) -> int:
        """Whole epochs trained."""
        return self.loop[0] if self.loop else 0

    def after_init(self, result: "RankingResult") -> "RunState":
        """Return the state with the evaluation before training."""
        values = (result.hr, result.ndcg)
        return replace(self, init=values, loop=(0, -1, *values, 0))

    def after_iteration(self, iteration: "Iteration") -> "RunState":
        """Return the state with one more iteration."""
        return replace(self, rows=(*self.rows, astuple(iteration)))

    def after_epoch(self, loop: "LoopState") -> "RunState":
        """Return the state with another state of the loop."""
        return replace(self, loop=(loop.epochs_done, *astuple(loop.best), loop.since_best))

    def iterations(self) -> "list[Iteration]":
        """Return the iterations printed so far."""
        from ncf_keras.training import Iteration

        return [Iteration(*values) for values in self.rows]

    def loop_state(self) -> "LoopState | None":
        """Return the state of the loop."""
        from ncf_keras.training import Best, LoopState

        if self.loop is None:
            return None
        done, *best, since_best = self.loop
        return LoopState(done, Best(*best), since_best)

    def metadata(self) -> dict[str, object]:
        """Return it as what JSON can hold."""
        return {**{item.name: getattr(self, item.name) for item in fields(self)}, "versions": versions()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, object]) -> "RunState":
        """Return what `metadata` was made of.

        Raises:
            InputError: it is something else.
        """
        try:
            init, loop = metadata["init"], metadata["loop"]
            return cls(
                options=_typed([metadata["options"]], dict)[0],
                epochs=_typed([metadata["epochs"]], int)[0],
                init=None if init is None else _typed(init, float, float),
                rows=tuple(_typed(row, int, *[float] * 5) for row in _typed([metadata["rows"]], list)[0]),
                loop=None if loop is None else _typed(loop, int, int, float, float, int),
                saved_at=_typed([metadata["saved_at"]], (int, type(None)))[0],
                saved=_typed([metadata["saved"]], bool)[0],
            )
        except (KeyError, TypeError):
            raise InputError(
                "`--checkpoint_dir` must have checkpoints of a training command. Received: other content"
            ) from None


def versions() -> dict[str, str]:
    """Return the versions of what decides the last bits of a result."""
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}


def _typed(values: object, *kinds: type | tuple[type, ...]) -> tuple:
    """Return `values` as a tuple if it is a list of these types, else raise TypeError."""
    if not isinstance(values, list) or len(values) != len(kinds):
        raise TypeError
    for value, kind in zip(values, kinds, strict=True):
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError
    return tuple(values)
