"""The state of a training through a file and back, bit for bit."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.training import Iteration
from ncf_keras.training.callbacks.best_weights import BestWeights
from ncf_keras.training.callbacks.checkpoints import Checkpoints
from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory, require_format
from tests.training.callbacks.trainers import trainer

FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNT = st.integers(0, 2**40)
OPTIONS = {"--lr": 0.1, "--seed": None}


class Part:
    """Remembers what it is given."""

    def __init__(self, **values):
        self.values = values

    def state(self):
        return self.values

    def restore(self, state):
        self.values = state


class Kept:
    """Stands for a directory of checkpoints."""

    def save(self, checkpoint, *done):
        self.checkpoint = Checkpoint(checkpoint.arrays, json.loads(json.dumps(checkpoint.metadata)))
        self.done = [*getattr(self, "done", []), done]


@pytest.fixture(scope="module")
def trainers():
    return trainer(seed=1), trainer(seed=2)


@given(
    initial=st.none() | st.tuples(FINITE, FINITE),
    rows=st.lists(st.tuples(COUNT, *[FINITE] * 5), max_size=3),
    done=COUNT,
    moment=st.none() | COUNT,
)
def test_nothing_is_lost_on_the_way(trainers, initial, rows, done, moment):
    first, second = trainers
    first.initial, first.epochs_done = initial, done
    first.iterations = [Iteration(*row) for row in rows]
    kept, part = Kept(), Part(moment=moment, array=np.arange(3))
    Checkpoints(first, kept, OPTIONS, {"file": part}).save()
    require_format(kept.checkpoint.metadata)
    assert kept.checkpoint.metadata["options"] == OPTIONS
    later = Part()
    Checkpoints(second, Kept(), OPTIONS, {"file": later}).restore(kept.checkpoint)
    assert (second.initial, second.epochs_done, second.iterations) == (initial, done, first.iterations)
    assert later.values["moment"] == moment and later.values["array"].tolist() == [0, 1, 2]
    np.testing.assert_equal(second.model.get_weights(), first.model.get_weights())


@pytest.mark.parametrize(
    ("every", "stop", "saved"), [(1, False, [1, 2, 3, 20]), (2, False, [2, 20]), (3, True, [1, 2, 3, 20])]
)
def test_it_saves_every_so_many_epochs_and_at_the_end(every, stop, saved):
    trained, kept = trainer(), Kept()
    trained.model.stop_training = stop
    callback = Checkpoints(trained, kept, OPTIONS, {}, every)
    written = []
    for epoch in (0, 1, 2, trained.spec.epochs - 1):
        before = len(getattr(kept, "done", []))
        callback.on_epoch_end(epoch)
        written += [epoch + 1] * (len(getattr(kept, "done", [])) - before)
    assert written == saved


def test_a_checkpoint_of_something_else_is_refused(tmp_path, trainers):
    first, second = trainers
    with CheckpointDirectory(tmp_path) as directory:
        Checkpoints(first, directory, OPTIONS, {"best": BestWeights(first)}).save()
        whole, _ = directory.load_newest()
    restore = Checkpoints(second, None, OPTIONS, {"best": BestWeights(second)}).restore
    restore(whole)
    metadata = whole.metadata
    sentence = "`--checkpoint_dir` must have checkpoints of a training command in format 2. Received: "
    for wrong in ({**metadata, "progress": {}}, {**metadata, "parts": {}}, {**metadata, "parts": {"best": 3}}):
        with pytest.raises(InputError, match=f"{sentence}other content"):
            restore(Checkpoint(whole.arrays, wrong))
    for arrays in ({}, {**whole.arrays, "engine/variable_000": np.zeros((2, 2), np.float32)}):
        with pytest.raises(InputError, match="`state` must have"):
            restore(Checkpoint(arrays, metadata))
    for wrong in ({}, {**metadata, "format": 3}, {**metadata, "epochs": 1.0}, {**metadata, "options": []}):
        with pytest.raises(InputError, match=f"{sentence}other content"):
            require_format(wrong)
    old = {"options": {}, "epochs": 1, "init": None, "rows": [], "loop": None, "saved_at": 1, "saved": True}
    with pytest.raises(InputError, match=f"{sentence}format 1, of an earlier ncf_keras"):
        require_format(old)
    assert "format" in metadata and sys.getsizeof(json.dumps(metadata)) < 10_000
