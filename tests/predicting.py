"""What a model says of pairs, and its figures."""

import keras
import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut, RankingResult
from ncf_keras.models import model_scores


def predict(model: keras.Model, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return the output for each pair in one call, because `model.predict` traces a program for every model."""
    return model([users[:, None], items[:, None]], training=False).numpy().squeeze(axis=1)


def ranked(dataset: Dataset, scorer: object, top_k: int = 10) -> RankingResult:
    """Return the leave-one-out result of a model, or of a function from users and items to scores."""
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    return protocol.evaluate(model_scores(scorer) if isinstance(scorer, keras.Model) else scorer, top_k=top_k)
