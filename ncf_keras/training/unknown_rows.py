"""Users and items without interactions, in a training with features: they are left to their features."""

import keras
import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.models.checks import SIDES
from ncf_keras.models.features import codes_of
from ncf_keras.training.steps.head import embeddings_of


def forget_unknown_rows(model: keras.Model, dataset: Dataset) -> None:
    """Set the identities' rows of users and items without train interactions to zero, where there are features.

    What is left of such a row's vector is what its features say; nothing trains the row, and nothing moves it.
    """
    counts = (np.diff(dataset.train_offsets), dataset.item_counts)
    for side, embeddings, count in zip(SIDES, embeddings_of(model), counts, strict=False):
        if codes_of(model, side) is not None:
            for layer in embeddings:
                layer.embeddings.assign(np.where(count[:, None] > 0, layer.embeddings.numpy(), 0))


def draws_known_items(model: keras.Model, dataset: Dataset) -> bool:
    """Tell whether negatives are drawn among items with train interactions alone.

    They are where a model has features of items, some of which have none: every draw would teach the model that
    whatever is new is disliked.
    """
    return codes_of(model, "item") is not None and not dataset.item_counts.all()
