"""Whether an update has anything to publish that is not served yet."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.data.dataset import pair_numbers
from ncf_keras.data.earlier import EarlierDataset
from ncf_keras.data.features import Features
from ncf_keras.serving.asked import Asked
from ncf_keras.weights.groups import Layers
from ncf_keras.weights.loading import layers_of


class Newest(NamedTuple):
    """What is known of the newest version that serves.

    Attributes:
        name: its directory.
        has_dataset: whether it was made of the dataset as it was before the update, and has what the update
            asks for; None: not known, as of a version that no update published.
        has_weights: whether it was made of the served weights; None likewise.
        asked: what it was asked for; None: not known.
    """

    name: str
    has_dataset: bool | None
    has_weights: bool | None
    asked: Asked | None

    def is_up_to_date(self, model: keras.Model, served: Layers) -> bool:
        """Tell whether it serves all that there is, if the dataset has stayed as it was.

        `model` has gone on from the weights `served`, untrained. Where the dataset of the version is not known,
        it does unless rows were folded in or forgotten.
        """
        return _has_layers(model, served) if self.has_dataset is None else self.has_dataset

    def in_words(self) -> str:
        """Return why nothing is published, as a sentence without its full stop."""
        others = ", which was made of other weights than these (`ncf export` would publish these)"
        return f"nothing is new since {self.name}{others if self.has_weights is False else ''}"


def is_the_same(dataset: Dataset, earlier: EarlierDataset) -> bool:
    """Tell whether a dataset has the interactions, ids, states, titles and features that it has grown from."""
    users = np.concatenate([dataset.train_users, dataset.test_users])
    items = np.concatenate([dataset.train_items, dataset.test_items])
    before = earlier.frame["user"].to_numpy(), earlier.frame["item"].to_numpy()
    now, then = (np.sort(pair_numbers(*pairs, dataset.num_items)) for pairs in ((users, items), before))
    return (
        (dataset.num_users, dataset.num_items) == (len(earlier.user_ids), len(earlier.item_ids))
        and np.array_equal(now, then)
        and np.array_equal(_states(dataset.user_states, dataset.num_users), earlier.user_states)
        and np.array_equal(_states(dataset.item_states, dataset.num_items), earlier.item_states)
        and _titles(dataset.item_titles) == _titles(earlier.titles)
        and _have_same_columns(dataset.user_features, earlier.user_features)
        and _have_same_columns(dataset.item_features, earlier.item_features)
    )


def _has_layers(model: keras.Model, layers: Layers) -> bool:
    return all(
        name in layers
        and len(arrays) == len(layers[name])
        and all(np.array_equal(now, before) for now, before in zip(arrays, layers[name], strict=True))
        for name, arrays in layers_of(model).items()
    )


def _states(states: np.ndarray | None, count: int) -> np.ndarray:
    return np.zeros(count, np.uint8) if states is None else states


def _titles(titles: Sequence[str] | None) -> list[str]:
    return list(titles) if titles is not None and any(titles) else []


def _have_same_columns(now: Features | None, before: Features | None) -> bool:
    if now is None or before is None:
        return now is before
    return list(now) == list(before) and all(
        column.encoding == before[name].encoding
        and np.array_equal(column.offsets, before[name].offsets)
        and np.array_equal(column.codes, before[name].codes)
        for name, column in now.items()
    )
