"""A run's state through JSON and back, bit for bit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.cli.run_state import RunState
from ncf_keras.evaluation import RankingResult
from ncf_keras.training import Best, Iteration, LoopState

FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNT = st.integers(0, 2**40)


@given(
    init=st.none() | st.tuples(FINITE, FINITE),
    rows=st.lists(st.tuples(COUNT, *[FINITE] * 5), max_size=3),
    loop=st.none() | st.tuples(COUNT, st.integers(-1, 9), FINITE, FINITE, COUNT),
    saved_at=st.none() | COUNT,
    saved=st.booleans(),
)
def test_nothing_is_lost_on_the_way_through_json(init, rows, loop, saved_at, saved):
    state = RunState({"--lr": 0.1, "--seed": None}, 7, init, tuple(rows), loop, saved_at, saved)
    assert RunState.from_metadata(json.loads(json.dumps(state.metadata()))) == state


def test_it_grows_with_the_run():
    result = RankingResult(np.array([1.0, 0.0]), np.array([0.5, 0.0]))
    state = RunState({}, 9).after_init(result)
    assert state.init == (0.5, 0.25)
    assert state.loop_state() == LoopState(0, Best(-1, 0.5, 0.25), 0) and state.epochs_done == 0
    iterations = [Iteration(0, 0.6, 0.3, 0.7, 1.5, 0.5), Iteration(1, 0.5, 0.2, 0.6, 1.25, 0.75)]
    loop = LoopState(2, Best(0, 0.6, 0.3), 1)
    for iteration in iterations:
        state = state.after_iteration(iteration)
    state = state.after_epoch(loop)
    again = RunState.from_metadata(json.loads(json.dumps(state.metadata())))
    assert again.iterations() == iterations and again.loop_state() == loop and again.epochs_done == 2
    assert RunState({}, 9).loop_state() is None and RunState({}, 9).epochs_done == 0


@pytest.mark.parametrize(
    "metadata", [{}, {"options": {}}, {"init": 1, "loop": None, "options": {}, "epochs": 1}]
)
def test_other_content_is_refused(metadata):
    with pytest.raises(InputError, match="must have checkpoints of a training command"):
        RunState.from_metadata(metadata)
