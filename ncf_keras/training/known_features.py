"""What a dataset knows of its users and items besides who they are, as a training takes it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ncf_keras.base.checks import require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models.checks import FEATURES, SIDES
from ncf_keras.models.spec import ModelSpec


@dataclass(frozen=True, eq=False)
class KnownFeatures:
    """The features that a model is given.

    Attributes:
        matrices: by `user_features` and `item_features`, those that there are: zeros and ones, a row a user or
            an item, sparse.
    """

    matrices: dict[str, Any]

    @classmethod
    def of(cls, dataset: Dataset, sides: str = "both") -> "KnownFeatures":
        """Return the features of some sides of a dataset: `none`, `user`, `item` or `both`.

        Raises:
            InputError: nothing is known of one of the sides.
        """
        require_one_of(sides, FEATURES, "features")
        matrices = {}
        for side in SIDES:
            if sides not in ("both", side):
                continue
            known = getattr(dataset, f"{side}_features")
            if known is None:
                raise InputError(
                    f"`features` must be none where nothing is known of the {side}s of {dataset.name} "
                    f"(ncf prepare --{side}_features). Received: {sides!r}"
                )
            matrices[f"{side}_features"] = known.matrix()
        return cls(matrices)

    def spec(self, spec: ModelSpec) -> ModelSpec:
        """Return a spec with room for the features."""
        sizes: dict[str, Any] = {}
        for name, matrix in self.matrices.items():
            sizes[name] = (matrix.shape[1], max(1, int(np.diff(matrix.indptr).max(initial=0))))
        return replace(spec, **sizes)
