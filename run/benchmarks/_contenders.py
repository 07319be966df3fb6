"""The contenders of `training_step.py` and `epoch.py`; they run in the processes of `_workers.py`.

Each has `about`, its facts for the JSON, and `measure`, which runs once and returns seconds by name.
TensorFlow and PyTorch are imported by those that need them, because they compete for threads.
"""

import functools
import itertools
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from _on_device import DeviceEpoch as DeviceEpoch, TorchOnDevice as TorchOnDevice
from _shared_epoch import ShardedEpoch as ShardedEpoch, seconds_of_epoch

if TYPE_CHECKING:
    from ncf_keras.sampling import NegativeSampler

# The prefetching of the compiled engine's next epoch must not run into the next contender's time.
SETTLE_SECONDS = 0.3


class CompiledStep:
    """One program of the compiled engine over random batches.

    Args:
        size: users, items and positives.
        model: GMF, MLP or NeuMF.
        factors: predictive factors.
        batch_size: examples per step.
        steps: of the program.
        step: DeferredStep or DenseStep.
    """

    def __init__(self, size: list[int], model: str, factors: int, batch_size: int, steps: int, step: str):
        _quiet_tensorflow()
        import _workloads

        from ncf_keras.sampling import NegativeSampler
        from ncf_keras.training.steps import steps as step_module

        sampler = NegativeSampler(_workloads.synthetic_dataset(*size), seed=0)
        built = _workloads.build(model, factors, *size[:2])
        make = getattr(step_module, step)
        if step == "DenseStep":
            make = functools.partial(make, batch_size=batch_size)
        self._engine = _workloads.StepEngine(make, built, sampler, batch_size, steps)
        self.about = {"parameters": built.count_params(), "steps_a_program": self._engine.steps}

    def measure(self) -> dict:
        """Return the seconds of a step, and of the end of an epoch, when all rows are caught up."""
        step, end = self._engine.measure()
        return {"step": step, "end_of_epoch": end}


class CompiledEpoch:
    """The engine of the run commands, sampling included."""

    def __init__(self, path: str, dataset: str, model: str, factors: int, batch_size: int):
        _quiet_tensorflow()
        import _workloads

        from ncf_keras.sampling import NegativeSampler
        from ncf_keras.training import CompiledEngine

        data = _workloads.load_dataset(path, dataset)
        sampler = NegativeSampler(data, seed=0)
        built = _workloads.build(model, factors, data.num_users, data.num_items)
        self._engine = CompiledEngine(built, sampler, "adam", _workloads.LEARNING_RATE, batch_size)
        self.about = {"parameters": built.count_params(), "examples": sampler.num_examples}

    def measure(self) -> dict:
        """Return the seconds of an epoch."""
        seconds = seconds_of_epoch(self._engine)
        time.sleep(SETTLE_SECONDS)
        return {"seconds": seconds, "peak_memory_mb": _peak_memory_mb()}


class KerasPipeline:
    """Plain `model.fit` on the project's own tf.data pipeline: the reference engine, sampling included."""

    def __init__(self, path: str, dataset: str, model: str, factors: int, batch_size: int):
        _quiet_tensorflow()
        import _workloads

        from ncf_keras.training import KerasEngine

        self._data = _workloads.load_dataset(path, dataset)
        self._batch_size = batch_size
        self._model = _workloads.build(model, factors, self._data.num_users, self._data.num_items)
        self._samplers = {}
        # It compiles the model with the reference learner and loss.
        KerasEngine(self._model, self._sampler(None), "adam", _workloads.LEARNING_RATE, batch_size)
        self.about = {"parameters": self._model.count_params()}

    def measure(self, steps: int | None) -> dict:
        """Return the seconds of about `steps` steps (None: the whole epoch), of one step, and the number."""
        return {
            "seconds": self._fit(steps),
            "one_step": self._fit(1),
            "steps": -(-self._sampler(steps).num_examples // self._batch_size),
        }

    def _fit(self, steps: int | None) -> float:
        from ncf_keras.sampling import batch_dataset

        batches = batch_dataset(self._sampler(steps), self._batch_size, itertools.count())
        started = time.perf_counter()
        self._model.fit(batches, shuffle=False, verbose=0)
        return time.perf_counter() - started

    def _sampler(self, steps: int | None) -> "NegativeSampler":
        import _workloads

        from ncf_keras.sampling import NegativeSampler

        if steps not in self._samplers:
            positives = self._data.num_train if steps is None else max(1, steps * self._batch_size // 5)
            self._samplers[steps] = NegativeSampler(_workloads.part_of(self._data, positives), seed=0)
        return self._samplers[steps]


class KerasArrays:
    """Plain `model.fit` on arrays with the optimizer and loss of Keras, the examples drawn beforehand."""

    def __init__(
        self, examples: str, num_users: int, num_items: int, model: str, factors: int, batch_size: int
    ):
        _quiet_tensorflow()
        import _workloads
        import keras

        users, items, self._labels = _load_examples(examples)
        self._inputs = [users[:, None], items[:, None]]
        self._batch_size = batch_size
        self._model = _workloads.build(model, factors, num_users, num_items)
        self._model.compile(keras.optimizers.Adam(_workloads.LEARNING_RATE), "binary_crossentropy")
        self.about = {"parameters": self._model.count_params()}

    def measure(self, steps: int | None) -> dict:
        """Return the seconds of `steps` steps (None: the whole epoch), those of one step, and the number."""
        total = -(-len(self._labels) // self._batch_size)
        steps = total if steps is None else min(steps, total)
        return {"seconds": self._fit(steps), "one_step": self._fit(1), "steps": steps}

    def _fit(self, steps: int) -> float:
        part = slice(steps * self._batch_size)
        started = time.perf_counter()
        # The examples come shuffled.
        self._model.fit(
            [array[part] for array in self._inputs],
            self._labels[part],
            batch_size=self._batch_size,
            shuffle=False,
            verbose=0,
        )
        return time.perf_counter() - started


class TorchLoop:
    """A plain PyTorch loop with dense fused Adam, the examples drawn beforehand."""

    def __init__(
        self, examples: str, num_users: int, num_items: int, model: str, factors: int, batch_size: int
    ):
        import _torch_models
        import torch

        # Copied once, to int64, which nn.Embedding prefers, in the process that reads them.
        users, items, labels = _load_examples(examples)
        self._users = torch.from_numpy(users.astype(np.int64))
        self._items = torch.from_numpy(items.astype(np.int64))
        self._labels = torch.from_numpy(labels)
        self._batch_size = batch_size
        torch.manual_seed(1)
        self._model = _torch_models.build(model, factors, num_users, num_items)
        self._optimizer = torch.optim.Adam(self._model.parameters(), lr=0.001, fused=True)
        self.about = {"parameters": sum(tensor.numel() for tensor in self._model.parameters())}

    def measure(self, steps: int | None, threads: int) -> dict:
        """Return the seconds, number and mean loss of `steps` steps (None: the whole epoch) on some threads."""
        import torch

        torch.set_num_threads(threads)
        log_loss = torch.nn.BCEWithLogitsLoss()
        total = -(-len(self._labels) // self._batch_size)
        steps = total if steps is None else min(steps, total)
        sum_of_losses = 0.0
        started = time.perf_counter()
        for step in range(steps):
            batch = slice(step * self._batch_size, (step + 1) * self._batch_size)
            self._optimizer.zero_grad(set_to_none=True)
            loss = log_loss(self._model(self._users[batch], self._items[batch]), self._labels[batch])
            loss.backward()
            self._optimizer.step()
            sum_of_losses += loss.item()
        return {"seconds": time.perf_counter() - started, "steps": steps, "loss": sum_of_losses / steps}


def _quiet_tensorflow() -> None:
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()


def _load_examples(file: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(file) as arrays:
        return arrays["users"], arrays["items"], arrays["labels"]


def _peak_memory_mb() -> float:
    import resource

    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
