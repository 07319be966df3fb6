"""A training as data, the trainer that does it, learners with the authors' numerics, engines, callbacks."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.training.engines.compiled_engine import CompiledEngine as CompiledEngine
    from ncf_keras.training.engines.guard import Diverged as Diverged
    from ncf_keras.training.engines.keras_engine import KerasEngine as KerasEngine
    from ncf_keras.training.engines.pairwise_engine import PairwiseEngine as PairwiseEngine
    from ncf_keras.training.iterations import Best as Best, Iteration as Iteration
    from ncf_keras.training.learners import make_optimizer as make_optimizer
    from ncf_keras.training.losses import (
        bpr_loss as bpr_loss,
        clipped_log_loss as clipped_log_loss,
        margin_loss as margin_loss,
        weighted_squared_loss as weighted_squared_loss,
    )
    from ncf_keras.training.registered import custom_objects as custom_objects
    from ncf_keras.training.spec import LEARNERS as LEARNERS, ON_NAN as ON_NAN, TrainingSpec as TrainingSpec
    from ncf_keras.training.train_model import TrainingResult as TrainingResult, train as train
    from ncf_keras.training.trainer import Trainer as Trainer

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "engines.compiled_engine": ("CompiledEngine",),
        "engines.guard": ("Diverged",),
        "engines.keras_engine": ("KerasEngine",),
        "engines.pairwise_engine": ("PairwiseEngine",),
        "iterations": ("Best", "Iteration"),
        "learners": ("make_optimizer",),
        "losses": ("bpr_loss", "clipped_log_loss", "margin_loss", "weighted_squared_loss"),
        "registered": ("custom_objects",),
        "spec": ("LEARNERS", "ON_NAN", "TrainingSpec"),
        "train_model": ("TrainingResult", "train"),
        "trainer": ("Trainer",),
    },
    light=("iterations", "spec"),
)
