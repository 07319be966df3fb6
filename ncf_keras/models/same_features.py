"""Whether a dataset has the features that a model was trained with: else codes would mean something else."""

from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.models.checks import SIDES
from ncf_keras.models.features import FeatureRows, codes_of


def require_same_features(
    model: Any, matrices: tuple[Any, Any], dataset_name: str, argument: str = "model"
) -> None:
    """Raise InputError unless the users and items of a model have the features that a dataset says.

    A side of which the model or the dataset knows nothing is passed over.

    Args:
        model: a Keras model, or anything else, which has no features.
        matrices: of users and of items: zeros and ones, shape (rows, features); None: nothing is known. Rows
            behind those of the model are passed over.
        dataset_name: for the error.
        argument: what the model came from, for the error.
    """
    for side, matrix in zip(SIDES, matrices, strict=True):
        had = codes_of(model, side)
        if had is None or matrix is None:
            continue
        has = FeatureRows.of(matrix[: len(had)], len(had), f"{side}_features").codes
        slots = max(had.shape[1], has.shape[1])
        had, has = (np.pad(codes, ((0, 0), (0, slots - codes.shape[1]))) for codes in (had, has))
        differ = np.flatnonzero((np.sort(had, axis=1) != np.sort(has, axis=1)).any(axis=1))
        if differ.size:
            raise InputError(
                f"`{argument}` must be a model that was trained with the features that {dataset_name} has of "
                f"its {side}s. Received: one with others, of {differ.size:,} of {len(had):,} {side}s"
            )
