"""Drawing in a thread of low priority."""

import os
import sys
import threading

import pytest

from ncf_keras.sampling import NegativeSampler, stack_dataset, stacks_of_batches
from ncf_keras.sampling.batches import one_after_another
from ncf_keras.sampling.giving_way import THREAD_NAME, drawn_giving_way


@pytest.fixture
def threads():
    """Return what gives the threads that a test has begun; other tests' may still be there."""

    def drawing():
        return {each for each in threading.enumerate() if each.name.startswith(THREAD_NAME)}

    before = drawing()
    return lambda: drawing() - before


def niceness():
    """Return that of the thread that asks."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_all_is_yielded_in_order_by_a_thread_that_ends(threads):
    assert list(drawn_giving_way(lambda: iter(range(5)))) == list(range(5))
    for thread in threads():
        thread.join(10)
    assert not threads()


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own")
@pytest.mark.parametrize(("before", "expected"), [(0, 10), (5, 15), (15, 19)])
def test_only_the_thread_that_draws_gives_way(before, expected):
    """From the niceness that this process was given; 19 is the most there is."""
    found = []

    def train():
        os.nice(before)
        found.append(niceness())
        found.extend(drawn_giving_way(lambda: (niceness() for _ in range(2))))
        found.append(niceness())

    mine = niceness()
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert [min(mine + each, 19) for each in (before, expected, expected, before)] == found
    assert niceness() == mine


def test_an_error_of_the_drawing_reaches_who_asks():
    def broken():
        yield 1
        raise MemoryError("no room")

    drawn = drawn_giving_way(broken)
    assert next(drawn) == 1
    with pytest.raises(MemoryError, match="no room"):
        next(drawn)


def test_stacks_are_the_same_and_the_thread_ends_when_they_are_let_go(sample, threads):
    sampler = NegativeSampler(sample, seed=3)
    stacks = iter(
        one_after_another(lambda epoch: stacks_of_batches(sampler, epoch, 64), range(2**40), gives_way=True)
    )
    others = iter(stack_dataset(sampler, 64, range(2**40)))
    for _ in range(3):
        for one, other in zip(next(stacks), next(others), strict=True):
            assert (one.numpy() == other.numpy()).all()
    (thread,) = threads()
    del stacks
    thread.join(10)
    assert not thread.is_alive()
