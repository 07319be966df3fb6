"""Training: its settings as a spec, the trainer, learners with the authors' numerics, losses and engines."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names
from ncf_keras.training.iterations import Best, Iteration
from ncf_keras.training.spec import LEARNERS, ON_NAN, TrainingSpec

if TYPE_CHECKING:
    from ncf_keras.training.engines.compiled_engine import CompiledEngine
    from ncf_keras.training.engines.guard import Diverged
    from ncf_keras.training.engines.keras_engine import KerasEngine
    from ncf_keras.training.engines.pairwise_engine import PairwiseEngine
    from ncf_keras.training.learners import make_optimizer
    from ncf_keras.training.losses import bpr_loss, clipped_log_loss, margin_loss, weighted_squared_loss
    from ncf_keras.training.train_model import TrainingResult, train
    from ncf_keras.training.trainer import Trainer

__all__ = [
    "LEARNERS",
    "ON_NAN",
    "Best",
    "CompiledEngine",
    "Diverged",
    "Iteration",
    "KerasEngine",
    "PairwiseEngine",
    "Trainer",
    "TrainingResult",
    "TrainingSpec",
    "bpr_loss",
    "clipped_log_loss",
    "make_optimizer",
    "margin_loss",
    "train",
    "weighted_squared_loss",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "engines.compiled_engine": ("CompiledEngine",),
        "engines.guard": ("Diverged",),
        "engines.keras_engine": ("KerasEngine",),
        "engines.pairwise_engine": ("PairwiseEngine",),
        "learners": ("make_optimizer",),
        "losses": ("bpr_loss", "clipped_log_loss", "margin_loss", "weighted_squared_loss"),
        "train_model": ("TrainingResult", "train"),
        "trainer": ("Trainer",),
    },
)
