"""Settings and small data that all tests share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import settings

from ncf_keras.data import Dataset, sample_dataset

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(scope="session")
def sample() -> Dataset:
    return sample_dataset()


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(7)
