"""How far predicted ratings are from the ratings given."""

import numpy as np


def root_mean_squared_error(predicted: np.ndarray, given: np.ndarray) -> float:
    """Return RMSE: the root of the mean of squared differences, in units of the ratings."""
    return float(np.sqrt(np.mean((np.asarray(predicted, np.float64) - np.asarray(given, np.float64)) ** 2)))


def mean_absolute_error(predicted: np.ndarray, given: np.ndarray) -> float:
    """Return MAE: the mean of absolute differences, in units of the ratings."""
    return float(np.mean(np.abs(np.asarray(predicted, np.float64) - np.asarray(given, np.float64))))
