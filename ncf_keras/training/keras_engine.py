"""Training with plain `model.fit`: the reference that the compiled engine is held against."""

import itertools
from collections.abc import Callable

import keras

from ncf_keras.sampling import NegativeSampler, batch_dataset
from ncf_keras.training.learners import make_optimizer
from ncf_keras.training.losses import clipped_log_loss


class KerasEngine:
    """Trains with `model.fit`, an epoch at a call; arguments as in `CompiledEngine`.

    It compiles the model with the learner and the clipped log loss.
    """

    def __init__(
        self,
        model: keras.Model,
        sampler: NegativeSampler,
        learner: str,
        learning_rate: float,
        batch_size: int,
    ):
        model.compile(make_optimizer(learner, learning_rate), clipped_log_loss)
        model.optimizer.build(model.trainable_variables)
        self._model = model
        self._sampler = sampler
        self._batch_size = batch_size
        self._epochs = itertools.count()

    def train_epoch(self, on_progress: Callable[[int], None] | None = None) -> float:
        """Train on every example of the next epoch once; see `CompiledEngine.train_epoch`."""
        batches = batch_dataset(self._sampler, self._batch_size, itertools.repeat(next(self._epochs)))
        callbacks = []
        if on_progress:
            callbacks.append(keras.callbacks.LambdaCallback(on_train_batch_end=self._reporter(on_progress)))
        history = self._model.fit(batches, epochs=1, verbose=0, callbacks=callbacks, shuffle=False)
        return float(history.history["loss"][0])

    def _reporter(self, on_progress: Callable[[int], None]) -> Callable[[int, dict], None]:
        total = self._sampler.num_examples
        return lambda batch, logs: on_progress(min((batch + 1) * self._batch_size, total))
