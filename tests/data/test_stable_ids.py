"""An index never changes its raw id, whatever is prepared after what, and wherever a command is killed.

The fast suite tries thirty sequences; `pytest -m slow tests/data/test_stable_ids.py` tries 1,000.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.earlier import read_earlier
from ncf_keras.data.prepare import PrepareOptions, prepare
from tests.data.stable_ids import ITEMS, USERS, StableIds, log_of

ROWS = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS), st.sampled_from("0135")), min_size=8, max_size=40
)


class TestStableIds(StableIds.TestCase):
    settings = settings(max_examples=10, stateful_step_count=8, deadline=None)


@pytest.mark.slow
class TestManyStableIds(StableIds.TestCase):
    settings = settings(max_examples=1000, stateful_step_count=20, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("nights")


def prepared(prefix, rows, has_time, options, **going_on):
    """Prepare rows, to go on from what is there or not; return whether that was possible."""
    earlier = read_earlier(prefix.parent, prefix.name) if going_on else None
    try:
        write_prepared(prefix, prepare(log_of(rows, has_time), options, earlier, **going_on), {})
    except InputError:
        return False
    return True


@settings(max_examples=30, deadline=None)
@given(
    nights=st.lists(ROWS, min_size=2, max_size=4),
    has_time=st.booleans(),
    minima=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    keep=st.sampled_from(["first", "last"]),
    forget=st.lists(st.sampled_from(USERS), max_size=2),
    order=st.randoms(use_true_random=False),
)
def test_appending_night_after_night_gives_what_the_whole_log_gives(
    folder, nights, has_time, minima, keep, forget, order
):
    """With times that differ, in any order, or without times; some users are forgotten in the last night."""
    times = list(range(sum(map(len, nights))))
    order.shuffle(times)
    nights = [[(*row, str(times.pop())) for row in night] for night in nights]
    options = PrepareOptions(None, *minima, keep, 1)
    if not all(prepared(folder / name, nights[0], has_time, options) for name in ("appended", "whole")):
        return
    whole = nights[0]
    for number, night in enumerate(nights[1:], 2):
        whole = [*whole, *night]
        going_on = {"forget": forget if number == len(nights) else []}
        appended = prepared(folder / "appended", night, has_time, options, append=True, **going_on)
        assert appended == prepared(folder / "whole", whole, has_time, options, append=False, **going_on)
        if not appended:
            # Nobody can be tested.
            return
    first, second = read_dataset(folder, "appended"), read_dataset(folder, "whole")
    for field in Dataset.__dataclass_fields__:
        if field != "name":
            np.testing.assert_array_equal(getattr(first, field), getattr(second, field), err_msg=field)
    waiting = [
        sorted(pd.read_csv(file, dtype=str).itertuples(index=False)) if file.exists() else []
        for file in (folder / "appended.waiting.csv", folder / "whole.waiting.csv")
    ]
    assert waiting[0] == waiting[1]
