"""When the client asks again, on a clock of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.errors import ServingError, TryAgain
from ncf_keras.serving.client.patience import Patience, ask_patiently


class World:
    """A clock that moves when somebody waits; tries take `seconds` each and fail until the `good` one."""

    def __init__(self, seconds=0.0, good=None, share=1.0):
        self.now = 100.0
        self.seconds = seconds
        self.good = good
        self.share = share
        self.given = []
        self.waits = []

    def ask(self, allowed):
        self.given.append(allowed)
        self.now += min(self.seconds, allowed)
        if len(self.given) == self.good:
            return "answer"
        raise TryAgain("nobody there")

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def run(self, patience):
        return ask_patiently(
            self.ask, patience, lambda: self.now, self.sleep, lambda low, high: low + self.share * (high - low)
        )


def test_the_bound_of_the_waits_doubles_up_to_the_longest():
    world = World(good=7)
    patience = Patience(timeout=1, deadline=60, retries=6, first_wait=0.5, longest_wait=3)
    assert world.run(patience) == "answer"
    assert world.waits == [0.5, 1, 2, 3, 3, 3]
    assert world.given == [1] * 7


def test_a_first_answer_takes_one_try_and_no_wait():
    world = World(good=1)
    assert world.run(Patience()) == "answer"
    assert (len(world.given), world.waits) == (1, [])


def test_it_ends_after_the_retries():
    world = World()
    with pytest.raises(ServingError, match=r"^nobody there \(4 tries in 0.7 s\)$") as caught:
        world.run(Patience(retries=3, first_wait=0.1))
    assert type(caught.value) is ServingError
    assert world.waits == [0.1, 0.2, 0.4]


def test_no_retries_are_one_try():
    with pytest.raises(ServingError, match=r"\(1 try in 0.0 s\)"):
        World().run(Patience(retries=0))


def test_the_last_try_has_what_is_left_of_the_deadline():
    world = World(seconds=4)
    with pytest.raises(ServingError, match=r"\(3 tries in 10.0 s\)"):
        world.run(Patience(timeout=4, deadline=10, retries=9, first_wait=0))
    assert world.given == [4, 4, 2]


def test_it_does_not_wait_past_the_deadline():
    world = World(seconds=1)
    with pytest.raises(ServingError, match=r"\(1 try in 1.0 s\)"):
        world.run(Patience(timeout=1, deadline=2, first_wait=1))
    assert world.waits == []


@pytest.mark.parametrize("error", [InputError("no"), ServingError("no"), KeyError("no")])
def test_any_other_error_is_final(error):
    def ask(_):
        raise error

    with pytest.raises(type(error)) as caught:
        ask_patiently(ask, Patience(), sleep=None)
    assert caught.value is error


@given(
    st.floats(0, 3),
    st.floats(0.01, 5),
    st.floats(0.01, 20),
    st.integers(0, 20),
    st.floats(0, 2),
    st.floats(0, 1),
)
def test_never_longer_than_the_deadline_nor_oftener_than_allowed(
    seconds, timeout, deadline, retries, first, share
):
    world = World(seconds, share=share)
    with pytest.raises(ServingError):
        world.run(Patience(timeout, deadline, retries, first, 2.0))
    assert world.now - 100 <= deadline + 1e-9
    assert 1 <= len(world.given) <= retries + 1
    assert all(0 < allowed <= timeout for allowed in world.given)
    assert all(0 <= wait <= 2 for wait in world.waits)


@pytest.mark.parametrize("name", ["timeout", "deadline", "retries", "first_wait", "longest_wait"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_wrong_patience_is_refused(name, value):
    with pytest.raises(InputError, match=f"`{name}` must be a number .* Received: {value}"):
        Patience(**{name: value})


@pytest.mark.parametrize("name", ["timeout", "deadline"])
def test_no_time_at_all_is_refused(name):
    with pytest.raises(InputError, match=f"`{name}` must be a number of seconds above 0"):
        Patience(**{name: 0})
