"""An export that finds lists in two stages, as TensorFlow's C++ loader answers from it, against sorting."""

import json

import numpy as np
import pytest

from ncf_keras.recommending import candidates
from ncf_keras.recommending.stages import Stages
from ncf_keras.serving.export import export_model, read_stages
from ncf_keras.serving.seal import verify
from tests.serving.cpp_loader import CppModel
from tests.serving.small_exports import (
    ITEM_IDS,
    ITEM_STATES,
    ITEMS,
    LIVING_USER_IDS,
    SEEN_ALL,
    USER_STATES,
    USERS,
    ranked,
)
from tests.serving.test_export import popular, seen_by, texts

# Few users have logits of as few dimensions, so that the vectors are as good as the logits.
FEW = 10


@pytest.fixture(scope="module")
def staged(living_model, living, tmp_path_factory):
    """The directory of a version that finds few candidates in cells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "CELLS_FROM", 1)
        return export_model(living_model, living, tmp_path_factory.mktemp("serving") / "ncf", candidates=FEW)


def test_its_lists_are_those_of_sorting_and_the_recall_stands_beside(
    staged, living, living_scores, living_export, living_loaded
):
    listed = np.flatnonzero(ITEM_STATES == 0)
    assert read_stages(staged) == Stages(FEW, len(listed), len(listed), 1.0, int((USER_STATES == 0).sum()))
    assert json.loads((staged / "assets.extra/stages.json").read_text())["recall"] == 1.0
    assert read_stages(living_export) == Stages(None, None, len(listed))
    verify(staged)
    gone, users = set(np.flatnonzero(ITEM_STATES).tolist()), [*range(USERS), -1, USERS]
    with CppModel(staged) as loaded:
        assert loaded.signatures.keys() == living_loaded.signatures.keys()
        for k in (1, FEW, 15, ITEMS):
            answer = loaded.run("recommend", user_input=users, k=k)
            for user in np.flatnonzero(USER_STATES == 0):
                items, values = ranked(living_scores[user], seen_by(living, user) | gone, k)
                assert answer["items"][user].tolist() == items
                np.testing.assert_allclose(answer["scores"][user], values, rtol=0, atol=1e-6)
            most = popular(living, min(k, len(listed)))[0]
            for row in (*np.flatnonzero(USER_STATES), USERS, USERS + 1):
                assert [item for item in answer["items"][row].tolist() if item >= 0] == most
        assert set(answer["items"][SEEN_ALL].tolist()) == {-1}
        named = loaded.run("recommend_by_id", user_id=[LIVING_USER_IDS[1], "nobody"], k=3)
        first = ranked(living_scores[1], seen_by(living, 1) | gone, 3)[0]
        assert texts(named["item_ids"])[0] == [ITEM_IDS[item] for item in first]
        steering = {"only_items": [[-1]], "not_items": [[6]], "max_per": 0, "popularity_penalty": 0.2}
        steered, expected = (
            each.run("recommend_steered", user_input=users, k=9, **steering) for each in (loaded, living_loaded)
        )
    np.testing.assert_array_equal(steered["items"], expected["items"])
    np.testing.assert_allclose(steered["scores"], expected["scores"], rtol=0, atol=1e-6)
