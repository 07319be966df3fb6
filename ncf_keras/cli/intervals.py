"""Means and their intervals by the name of the metric."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.evaluation import MeanInterval


def interval_columns(values: "Mapping[str, np.ndarray]") -> "dict[str, MeanInterval]":
    """Return the mean and the interval of each metric, from its values of all users."""
    import numpy as np

    from ncf_keras.evaluation import bootstrap_intervals

    return dict(zip(values, bootstrap_intervals(np.stack(list(values.values()), axis=1)), strict=True))
