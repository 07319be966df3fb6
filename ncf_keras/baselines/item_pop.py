"""ItemPop: what is popular is recommended to everybody (section 4.1 of the paper; Rendle et al., UAI 2009)."""

from dataclasses import dataclass

import numpy as np

from ncf_keras.baselines.baseline import Baseline
from ncf_keras.data import Dataset


@dataclass
class ItemPop(Baseline):
    """Scores an item by its number of train interactions."""

    def _learn(self, dataset: Dataset) -> None:
        self._counts = dataset.item_counts

    def _score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return self._counts[items]
