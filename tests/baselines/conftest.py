"""Every baseline fitted once, for all tests that do not change it."""

import pytest

from tests.baselines.tastes import BASELINES, tastes_dataset


@pytest.fixture(scope="session")
def tastes():
    return tastes_dataset(4, 15)


@pytest.fixture(scope="session")
def fitted(tastes):
    pytest.importorskip("implicit", reason="needs the extra `baselines`")
    return {name: make().fit(tastes) for name, make in BASELINES.items()}
