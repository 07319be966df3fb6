"""How long a client waits, and when it asks again.

The waits between tries are drawn evenly from 0 to a bound that doubles: "full jitter", which keeps many
clients from asking a recovering server in step (M. Brooker, Exponential Backoff And Jitter, AWS Architecture
Blog, 2015).
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.errors import ServingError, TryAgain

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """When to give up.

    Attributes:
        timeout: seconds that one try may take.
        deadline: seconds that all tries and the waits between them may take together.
        retries: how often to ask again after a first try that failed in a way that may pass.
        first_wait: seconds, the bound of the wait after the first try; it doubles after each further one.
        longest_wait: seconds, the most that the bound grows to.

    Raises:
        InputError: a value is not above (`retries`, `first_wait`, `longest_wait`: at least) 0.
    """

    timeout: float = 5.0
    deadline: float = 15.0
    retries: int = 3
    first_wait: float = 0.1
    longest_wait: float = 2.0

    def __post_init__(self) -> None:
        for name in ("timeout", "deadline"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"`{name}` must be a number of seconds above 0. Received: {value}")
        for name in ("retries", "first_wait", "longest_wait"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise InputError(f"`{name}` must be a number of at least 0. Received: {value}")


def ask_patiently(
    ask: Callable[[float], Answer],
    patience: Patience,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[float, float], float] = random.uniform,
) -> Answer:
    """Call `ask` until it answers, fails for good, or patience ends.

    Args:
        ask: one try; it is given the seconds that it may take, and raises `TryAgain` if another may succeed.
        patience: when to give up.
        clock: the time in seconds.
        sleep: waits for so many seconds.
        draw: a random number between two bounds.

    Returns:
        What `ask` returned.

    Raises:
        ServingError: no try succeeded; the message is that of the last one, the tries and the seconds counted.
        Exception: what else `ask` raises, at once.
    """
    begin = clock()
    tries = 0
    while True:
        tries += 1
        try:
            return ask(min(patience.timeout, patience.deadline - (clock() - begin)))
        except TryAgain as error:
            wait = draw(0.0, min(patience.longest_wait, patience.first_wait * 2 ** (tries - 1)))
            if tries > patience.retries or clock() - begin + wait >= patience.deadline:
                counted = f"{tries} {'try' if tries == 1 else 'tries'} in {clock() - begin:.1f} s"
                raise ServingError(f"{error} ({counted})") from error
        sleep(wait)
