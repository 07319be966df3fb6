"""The constraints of lists as their user gives them: raw ids, the name of a feature, numbers."""

from collections.abc import Mapping

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import listed_ids
from ncf_keras.base.terminal import listed
from ncf_keras.data.features import Feature
from ncf_keras.recommending.ids import Ids
from ncf_keras.recommending.steering import NO_SUCH_ITEM, Constraints, Groups


def read_constraints(
    items: Ids,
    features: Mapping[str, Feature],
    num_items: int,
    only_items: object = None,
    not_items: object = (),
    max_per: tuple[str, int] | None = None,
    popularity_penalty: float = 0.0,
) -> tuple[Constraints, Groups] | None:
    """Return the constraints of all lists as one row, in arrays, and the categories; None if there are none.

    Args:
        items: the ids of all items.
        features: of the items, by name.
        num_items: how many items there are.
        only_items, not_items, max_per, popularity_penalty: as in `Recommender`.
    """
    if not 0 <= popularity_penalty <= np.finfo(np.float32).max:
        rule = "a finite number of at least 0"
        raise InputError(f"`popularity_penalty` must be {rule}. Received: {popularity_penalty}")
    blocked = items.find(listed_ids(not_items), "not_items")
    if only_items is None and not len(blocked) and max_per is None and not popularity_penalty:
        return None
    allowed = np.zeros(0, np.int32)
    if only_items is not None:
        found = items.find(listed_ids(only_items), "only_items")
        # Should there be none, nothing is allowed.
        allowed = np.append(found[found >= 0], np.int32(NO_SUCH_ITEM))
    feature, number = None, 0
    if max_per is not None:
        feature, number = _limited_feature(features, *max_per)
    constraints = Constraints(
        np.unique(allowed)[None], np.unique(blocked)[None], np.int32(number), np.float32(popularity_penalty)
    )
    return constraints, Groups.of(feature, num_items)


def _limited_feature(features: Mapping[str, Feature], name: str, number: int) -> tuple[Feature, int]:
    require_count(number, "max_per")
    if name not in features:
        known = listed(sorted(features)) or "there is none"
        raise InputError(f"`max_per` must name a feature of the items: {known}. Received: {name}")
    return features[name], number
