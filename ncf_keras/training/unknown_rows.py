"""Users and items without interactions, in a training with features: they are left to their features."""

import keras
import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.models.checks import SIDES
from ncf_keras.sampling.samplers import popularity_weights
from ncf_keras.training.steps.head import embeddings_of


def has_features(model: keras.Model, side: str) -> bool:
    """Tell whether a model takes features of its users or its items; `side` is `user` or `item`."""
    return any(layer.name == f"{side}_features" for layer in model.layers)


def forget_unknown_rows(model: keras.Model, dataset: Dataset) -> None:
    """Set the identities' rows of users and items without train interactions to zero, where there are features.

    What is left of such a row's vector is what its features say; nothing trains the row, and nothing moves it.
    """
    counts = (np.diff(dataset.train_offsets), dataset.item_counts)
    for side, embeddings, count in zip(SIDES, embeddings_of(model), counts, strict=False):
        if has_features(model, side):
            for layer in embeddings:
                layer.embeddings.assign(np.where(count[:, None] > 0, layer.embeddings.numpy(), 0))


def weights_of_negatives(model: keras.Model, dataset: Dataset) -> np.ndarray | None:
    """Return how likely each item is drawn as a negative: float64, shape (items,); None: all alike.

    With features of items, one without train interactions is never drawn: every draw would teach the model
    that whatever is new is disliked.
    """
    if has_features(model, "item") and not dataset.item_counts.all():
        return popularity_weights(dataset, 0)
    return None
