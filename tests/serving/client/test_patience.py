"""When the client asks again, on a clock of the test's own."""

import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import Patience, ServingError
from ncf_keras.serving.client.transport import TryAgain, ask_patiently


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


@pytest.mark.parametrize(
    ("seconds", "patience", "counted", "given", "waits"),
    [
        (0, Patience(retries=3, first_wait=0.1), "4 tries in 0.7 s", [5] * 4, [0.1, 0.2, 0.4]),
        (0, Patience(retries=0), "1 try in 0.0 s", [5], []),
        # The last try has what is left of the deadline.
        (4, Patience(4, 10, 9, first_wait=0), "3 tries in 10.0 s", [4, 4, 2], [0, 0]),
        # It does not wait past the deadline.
        (1, Patience(1, 2, first_wait=1), "1 try in 1.0 s", [1], []),
    ],
)
def test_it_ends_after_the_retries_or_at_the_deadline(seconds, patience, counted, given, waits):
    world = World(seconds)
    with pytest.raises(ServingError, match=rf"^nobody there \({counted}\)$") as caught:
        world.run(patience)
    assert type(caught.value) is ServingError
    assert world.given == pytest.approx(given)
    assert world.waits == waits


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("timeout", "deadline")
            for value in (0, -1, float("nan"), float("inf"), "1")
        ),
        *(
            (name, value)
            for name in ("first_wait", "longest_wait")
            for value in (-1, float("nan"), float("inf"))
        ),
        *(("retries", value) for value in (-1, 0.5, float("inf"))),
    ],
)
def test_a_wrong_patience_is_refused(name, value):
    with pytest.raises(InputError, match=f"`{name}` must be a .* number .* Received: {value!r}"):
        Patience(**{name: value})
