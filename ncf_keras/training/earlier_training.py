"""What an earlier training left to begin with: weights, and in a checkpoint the learner's state beside them.

A checkpoint may be of the middle of an epoch, when rows are not caught up. So the engine that wrote it is made
once more, takes it over, and ends the epoch there.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.models import ModelSpec
from ncf_keras.sampling import ShardedSampler
from ncf_keras.training.callbacks.checkpoints import arrays_of_engine
from ncf_keras.training.checkpoints import Checkpoint, read_checkpoint, require_format
from ncf_keras.training.checkpoints.checkpoint_directory import newest_in
from ncf_keras.training.checkpoints.checkpoint_file import is_checkpoint
from ncf_keras.training.checkpoints.fingerprint import not_of_a_training
from ncf_keras.training.engines.compiled_engine import DRAWN_ON_DEVICE
from ncf_keras.training.engines.guard import GuardedEngine
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.engines.make_engine import make_engine
from ncf_keras.training.spec import TrainingSpec
from ncf_keras.weights.groups import Layers
from ncf_keras.weights.loading import layers_of
from ncf_keras.weights.weight_file import read_weight_file


@dataclass(frozen=True)
class EarlierTraining:
    """What is left of an earlier training.

    Attributes:
        source: the file.
        layers: the weights of each layer, as in `WeightFile`; of a checkpoint those it was taken with.
        learner: the state of the learner; None from a weight file, which has none.
        notes: a sentence for each newer checkpoint of the directory that is damaged.
    """

    source: str
    layers: Layers
    learner: LearnerState | None = None
    notes: tuple[str, ...] = ()


def read_earlier_training(path: str | os.PathLike) -> EarlierTraining:
    """Read a weight file of any format, a checkpoint of a training command, or the newest of a directory.

    Of a checkpoint weights, slots and the number of steps are taken, not the options nor the best weights.
    Nothing is written, and a command that is writing checkpoints there is not disturbed.

    Raises:
        InputError: it can't be read, is damaged or none of these; the newest checkpoint of a directory that is
            intact is read, if there is one.
    """
    path = Path(path)
    if kind_of(path) == "a directory":
        file, checkpoint, notes = newest_in(path)
        return _of_checkpoint(file, checkpoint, notes)
    if is_checkpoint(path):
        return _of_checkpoint(path, read_checkpoint(path), ())
    return EarlierTraining(str(path), read_weight_file(path).layers)


def _of_checkpoint(file: Path, checkpoint: Checkpoint, notes: tuple[str, ...]) -> EarlierTraining:
    metadata = checkpoint.metadata
    what = f"{file} must be a checkpoint"
    require_format(metadata, what)
    made_of = metadata.get("training")
    if made_of is None:
        raise InputError(
            f"{file} must say what model it is of (the same command with `--resume` and one epoch more writes "
            "one that does). Received: a checkpoint of an earlier ncf_keras"
        )
    try:
        model, spec = ModelSpec.from_json(made_of["model"]), TrainingSpec.from_json(made_of["spec"])
        state = arrays_of_engine(checkpoint)
        steps = made_of["steps_per_epoch"]
        if type(steps) is not int or steps < 1:
            raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise not_of_a_training("other content", what) from None
    built = model.build(seed=0)
    engine = GuardedEngine(make_engine(built, _sampler(model, spec, steps, state), spec), built)
    engine.restore({name: array for name, array in state.items() if name != DRAWN_ON_DEVICE})
    learner = engine.learner_state()
    return EarlierTraining(str(file), layers_of(built), learner, notes)


class _NothingDrawn:
    """Stands for the sampler of a training whose examples are not drawn any more."""

    recent = 0

    def __init__(self, num_examples: int):
        self.num_examples = num_examples


class _NoShardsDrawn(ShardedSampler):
    """The same in shards, of which a state does not tell: one of all users."""

    def __init__(self, num_users: int, num_items: int, num_examples: int):
        self.users = [np.arange(num_users, dtype=np.int32)]
        self.num_users, self.num_items, self.num_examples = num_users, num_items, num_examples

    def width(self, steps: int, shards: object) -> int:
        """Return 0, for nothing is drawn."""
        return 0


def _sampler(model: ModelSpec, spec: TrainingSpec, steps: int, state: Mapping[str, np.ndarray]) -> Any:
    examples = steps * spec.batch_size
    if "users" in state:
        return _NoShardsDrawn(model.num_users, model.num_items, examples)
    return _NothingDrawn(examples)
