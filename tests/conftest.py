"""Settings and small data that all tests share."""

import os
import signal
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import settings

from ncf_keras.base.short_loops import XLA_FLAGS
from ncf_keras.data import Dataset, sample_dataset
from tests.slow_tests import is_slow

# As the commands have it on a processor; a test may import TensorFlow itself.
os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)

# Tests send Ctrl-C; where they are started in the background of a script, it would be ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Property tests draw the same examples each time. `pytest --hypothesis-profile thorough` draws more of them.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=200)
settings.load_profile("project")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what `slow_tests.py` names, before it is decided what runs."""
    for item in items:
        if is_slow(item.nodeid):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def sample() -> Dataset:
    return sample_dataset()


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def small_server():
    """A stand-in for TensorFlow Serving on loopback, started once."""
    from tests.serving.client.stub import running
    from tests.serving.client.tables import Tables

    with running({"ncf": {2: Tables(), 3: Tables()}, "plain": {1: Tables(with_ids=False)}}) as stub:
        stub.labels["ncf", "stable"] = 2
        yield stub


@pytest.fixture
def stub(small_server):
    """The stand-in, reset before the test."""
    small_server.reset()
    yield small_server
    small_server.released.set()


@pytest.fixture(scope="session")
def all_programs():
    from tests.shared_programs import SharedPrograms

    return SharedPrograms()


@pytest.fixture(scope="module")
def shared_programs(all_programs) -> Iterator[None]:
    """Let the engines of a module's tests share programs with all others that do."""
    with pytest.MonkeyPatch.context() as patch:
        all_programs.share(patch)
        yield


@pytest.fixture(scope="session")
def all_folds():
    from tests.shared_folds import SharedFolds

    return SharedFolds()


@pytest.fixture(scope="module")
def shared_folds(all_folds) -> Iterator[None]:
    """Let the warm starts of a module's tests share the rows of newcomers with all others that do."""
    with pytest.MonkeyPatch.context() as patch:
        all_folds.share(patch)
        yield
