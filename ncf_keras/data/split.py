"""What a split says, whichever it is: which rows of a cleaned log are in which part."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ncf_keras.data.time_cut import Cut


class Split(NamedTuple):
    """Which rows of a cleaned log are in which part.

    Attributes:
        in_train: bool, shape (rows,).
        tested: the places of the test pairs among the rows, by user: int64, shape (tests,).
        negatives: int32, shape (tests, negatives).
        too_few_free: of each user, or each later pair, that is not tested for want of items to draw negatives
            from, how many are left: int64.
        cold: the places of the rows that are in neither part, ascending.
        is_validation: of each row in train whether it is held out for validation; None where none is.
        cuts: of a split in time, by the option that says where.
    """

    in_train: np.ndarray
    tested: np.ndarray
    negatives: np.ndarray
    too_few_free: np.ndarray
    cold: np.ndarray
    is_validation: np.ndarray | None = None
    cuts: Mapping[str, Cut] = MappingProxyType({})
