"""A model for a dataset that has more users and items than it, of whom it knows nothing but their features."""

from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.states import INACTIVE
from ncf_keras.models.copies import grown_copy
from ncf_keras.models.factored import FactoredModel, can_factor, require_sizes
from ncf_keras.models.same_features import require_same_features


def model_for(model: Any, dataset: Dataset) -> Any:
    """Return a model, or a copy that has the newcomers of a dataset behind its own users and items.

    Newcomers are what `ncf_keras.data.with_newcomers` adds: inactive, and with features.

    Raises:
        InputError: the model is of other sizes but for newcomers, or was trained with other features, or there
            are newcomers of a side of which it takes no features.
    """
    sizes = (dataset.num_users, dataset.num_items)
    if not can_factor(model):
        had = (getattr(model, "num_users", sizes[0]), getattr(model, "num_items", sizes[1]))
        if had != sizes:
            rule = f"a GMF, MLP or NeuMF, or for the {sizes[0]} users and {sizes[1]} items of {dataset.name}"
            raise InputError(f"`model` must be {rule}. Received: one for {had[0]} and {had[1]}")
        require_same_features(model, dataset.feature_matrices(), dataset.name)
        return model
    matrices, factored = dataset.feature_matrices(), FactoredModel(model)
    more = (sizes[0] - factored.num_users, sizes[1] - factored.num_items)
    if more == (0, 0) or not _are_newcomers(dataset, more):
        require_sizes(model, *sizes, dataset.name)
        require_same_features(model, matrices, dataset.name)
        return model
    require_same_features(model, matrices, dataset.name)
    grown: list[list[Any]] = []
    for side, tables, matrix, new in zip(
        ("user", "item"), (factored.users, factored.items), matrices, more, strict=True
    ):
        features = tables[0].features
        if new and (features is None or matrix is None):
            raise InputError(
                f"`model` must be trained with features of {side}s (`--features {side}`) to know new ones by "
                f"them. Received: {model.name}, trained without"
            )
        rows = [] if matrix is None or not new else np.split(*_rows_behind(matrix, matrix.shape[0] - new))
        # A category that came after the training is unknown to the model.
        grown.append([row[row < features.num_features] for row in rows] if features else [])
    return grown_copy(model, *grown)


def _rows_behind(matrix: Any, start: int) -> tuple[np.ndarray, np.ndarray]:
    some = matrix[start:]
    return some.indices, some.indptr[1:-1]


def _are_newcomers(dataset: Dataset, more: tuple[int, int]) -> bool:
    """Tell whether the last users and items, so many of each, are inactive."""
    return all(
        count == 0 or (count > 0 and states is not None and bool((states[-count:] == INACTIVE).all()))
        for count, states in zip(more, (dataset.user_states, dataset.item_states), strict=True)
    )
