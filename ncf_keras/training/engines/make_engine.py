"""The engine that a spec asks for."""

from typing import Any

import keras

from ncf_keras.sampling import ShardedSampler
from ncf_keras.training.engines.compiled_engine import CompiledEngine
from ncf_keras.training.engines.keras_engine import KerasEngine
from ncf_keras.training.engines.sharded_engine import ShardedEngine
from ncf_keras.training.engines.workers import Workers
from ncf_keras.training.learners import make_optimizer
from ncf_keras.training.losses import clipped_log_loss
from ncf_keras.training.schedules import learning_rate_of
from ncf_keras.training.spec import TrainingSpec


def make_engine(model: keras.Model, sampler: Any, spec: TrainingSpec, workers: Workers | None = None) -> Any:
    """Return an engine for a spec, which trains a model, compiled here, on what a sampler draws.

    Args:
        model: see `Trainer`.
        sampler: that of `make_sampler`; one of shards has an engine of its own.
        spec: the settings.
        workers: the replicas that train together; None for this process alone.
    """
    rate = learning_rate_of(spec)
    model.compile(make_optimizer(spec.learner, rate, spec.adam), clipped_log_loss)
    arguments = (model, sampler, spec.learner, rate, spec.batch_size)
    options: dict[str, Any] = {"adam": spec.adam, "precision": spec.precision}
    if isinstance(sampler, ShardedSampler):
        return ShardedEngine(*arguments, workers, **options)
    if spec.engine == "keras":
        return KerasEngine(*arguments, **options)
    return CompiledEngine(*arguments, **options, step=spec.step)
