"""Learners with the authors' numerics, engines that train an epoch, and the authors' loop over epochs."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.training.best_weights import BestWeights
    from ncf_keras.training.engines.compiled_engine import CompiledEngine
    from ncf_keras.training.engines.guard import ON_NAN, Diverged, GuardedEngine
    from ncf_keras.training.engines.keras_engine import KerasEngine
    from ncf_keras.training.engines.pairwise_engine import PairwiseEngine
    from ncf_keras.training.learners import LEARNERS, make_optimizer
    from ncf_keras.training.loop import Best, Iteration, LoopState, train_loop
    from ncf_keras.training.losses import bpr_loss, clipped_log_loss, margin_loss, weighted_squared_loss
    from ncf_keras.training.registered import custom_objects

_HOMES = {
    "best_weights": ("BestWeights",),
    "engines.compiled_engine": ("CompiledEngine",),
    "engines.guard": ("ON_NAN", "Diverged", "GuardedEngine"),
    "engines.keras_engine": ("KerasEngine",),
    "engines.pairwise_engine": ("PairwiseEngine",),
    "learners": ("LEARNERS", "make_optimizer"),
    "loop": ("Best", "Iteration", "LoopState", "train_loop"),
    "losses": ("bpr_loss", "clipped_log_loss", "margin_loss", "weighted_squared_loss"),
    "registered": ("custom_objects",),
}

__all__ = [
    "LEARNERS",
    "ON_NAN",
    "Best",
    "BestWeights",
    "CompiledEngine",
    "Diverged",
    "GuardedEngine",
    "Iteration",
    "KerasEngine",
    "LoopState",
    "PairwiseEngine",
    "bpr_loss",
    "clipped_log_loss",
    "custom_objects",
    "make_optimizer",
    "margin_loss",
    "train_loop",
    "weighted_squared_loss",
]

__getattr__, __dir__ = lazy_names(
    __name__, {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names}
)
