"""When the client asks again, on a clock of the test's own."""

import re
from unittest import mock

import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import Patience, ServingError
from ncf_keras.serving.client.transport import TryAgain, ask_patiently


def tries(patience, seconds=0.0, good=None, share=1.0):
    """Return how asking ends, after how long, the seconds that each try was given, and the waits between them.

    The clock moves when somebody waits; tries take `seconds` each and fail until the `good` one.
    """
    clock, given, waits = [100.0], [], []

    def ask(allowed):
        given.append(allowed)
        clock[0] += min(seconds, allowed)
        if len(given) != good:
            raise TryAgain("nobody there")
        return "answer"

    def sleep(wait):
        waits.append(wait)
        clock[0] += wait

    try:
        draw = lambda low, high: low + share * (high - low)  # noqa: E731
        end = ask_patiently(ask, patience, lambda: clock[0], sleep, draw)
    except ServingError as error:
        assert type(error) is ServingError
        end = str(error)
    return end, clock[0] - 100, given, waits


@pytest.mark.parametrize(
    ("patience", "seconds", "good", "end", "given", "waits"),
    [
        # The bound of the waits doubles up to the longest.
        (Patience(1, 60, 6, first_wait=0.5, longest_wait=3), 0, 7, "answer", [1] * 7, [0.5, 1, 2, 3, 3, 3]),
        (
            Patience(retries=3, first_wait=0.1),
            0,
            0,
            "nobody there (4 tries in 0.7 s)",
            [5] * 4,
            [0.1, 0.2, 0.4],
        ),
        (Patience(retries=0), 0, 0, "nobody there (1 try in 0.0 s)", [5], []),
        # The last try has what is left of the deadline.
        (Patience(4, 10, 9, first_wait=0), 4, 0, "nobody there (3 tries in 10.0 s)", [4, 4, 2], [0, 0]),
        # It does not wait past the deadline.
        (Patience(1, 2, first_wait=1), 1, 0, "nobody there (1 try in 1.0 s)", [1], []),
    ],
)
def test_it_ends_with_an_answer_after_the_retries_or_at_the_deadline(
    patience, seconds, good, end, given, waits
):
    ended, _, allowed, waited = tries(patience, seconds, good)
    assert (ended, waited) == (end, waits) and allowed == pytest.approx(given)


def test_requests_of_one_question_share_its_deadline():
    """Of ten seconds, the requests before have taken seven, and then all."""
    clock, given = [107.0], []

    def ask(seconds):
        given.append(seconds)
        clock[0] += seconds
        raise TryAgain("nobody there")

    patience = Patience(timeout=2, deadline=10, retries=5, first_wait=0)
    with pytest.raises(ServingError) as caught:
        ask_patiently(ask, patience, lambda: clock[0], lambda _: None, asked=100.0)
    assert str(caught.value) == "nobody there (2 tries in 3.0 s, 10.0 s in all)"
    assert given == [2, 1]
    words = "must answer all rows within the deadline of 10 s. Received: no more than the first of them"
    with pytest.raises(ServingError, match=words):
        ask_patiently(ask, patience, lambda: clock[0], asked=100.0)
    assert given == [2, 1]


@pytest.mark.parametrize("error", [InputError("no"), ServingError("no"), KeyError("no")])
def test_any_other_error_is_final(error):
    with pytest.raises(type(error)) as caught:
        ask_patiently(mock.Mock(side_effect=error), Patience(), sleep=None)
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
    _, took, given, waits = tries(Patience(timeout, deadline, retries, first, 2.0), seconds, share=share)
    assert took <= deadline + 1e-9 and 1 <= len(given) <= retries + 1
    assert all(0 < allowed <= timeout for allowed in given) and all(0 <= wait <= 2 for wait in waits)


def test_a_thousand_tries_are_no_number_too_great():
    end, *_, waits = tries(Patience(retries=2000, first_wait=1e-4, longest_wait=0.001), good=1999)
    assert end == "answer" and max(waits) == 0.001


NO_NUMBERS = (-1, float("nan"), float("inf"), "1")
WRONG = {
    "timeout": (0, 1e300, *NO_NUMBERS), "deadline": (0, 604_801, *NO_NUMBERS), "first_wait": (1e9, *NO_NUMBERS),
    "longest_wait": (10**400, *NO_NUMBERS), "retries": (0.5, 10**6 + 1, *NO_NUMBERS),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_patience_is_refused(name, value):
    with pytest.raises(InputError, match=f"`{name}` must be a .*number .* Received: {re.escape(repr(value))}"):
        Patience(**{name: value})
