import numpy as np
import pytest
from explicit_ratings.errors import mean_absolute_error, root_mean_squared_error


def test_errors_by_hand():
    predicted, given = np.array([1.0, 2.0, 4.0], np.float32), np.array([2.0, 2.0, 1.0], np.float32)
    assert root_mean_squared_error(predicted, given) == pytest.approx((10 / 3) ** 0.5)
    assert mean_absolute_error(predicted, given) == pytest.approx(4 / 3)


def test_a_million_ratings_lose_no_digits():
    """A float32 sum of them would be off in the third digit."""
    predicted = np.full(2_000_000, 0.1, np.float32)
    assert root_mean_squared_error(predicted, np.zeros_like(predicted)) == pytest.approx(0.1, rel=1e-6)
    assert mean_absolute_error(predicted, np.zeros_like(predicted)) == pytest.approx(0.1, rel=1e-6)
