import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ncf_keras.cli.cold_pairs import cold_pairs
from ncf_keras.cli.evaluate import main
from ncf_keras.cli.evaluation_text import cold_lines
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf
from ncf_keras.weights import save_weights


def dataset(cold_users, cold_items):
    """Users 2 and 3 and item 3 have no train interaction; by popularity the items are 1, 0 and 2."""
    counts = np.array([2, 3, 1, 0])
    return SimpleNamespace(
        train_offsets=np.array([0, 3, 6, 6, 6]), item_counts=counts, active_items=counts > 0,
        cold_users=cold_users, cold_items=cold_items,
    )  # fmt: skip


def test_new_users_get_the_popularity_list_and_nobody_a_new_item():
    found = cold_pairs(dataset(np.array([0, 1, 2, 2, 2, 3, 1]), np.array([3, 3, 3, 0, 2, 2, 2])), (2,))
    # User 1 and item 2 are both in train: the pair is cold for want of negatives.
    assert found[:5] == (2, 1, 3, 1, 2)
    # Item 0 is the second of the list, item 2 the third: a hit for user 2, at 2 of 2; none for user 3.
    assert found.metrics["HR@2"].mean == 1 / 2
    assert found.metrics["recall@2"].mean == 1 / 4
    assert found.metrics["MRR@2"].mean == pytest.approx(1 / 4)
    first, second = cold_lines(found, 2)
    assert "2 pairs of known users with new items and 1 of new users with new items" in first
    assert "3 of new users with known items" in first
    assert first.endswith(
        " Nor are 1 pairs of known users and items, of users with too few items left to draw negatives from."
    )
    assert second.startswith("The popularity list gives 2 new users HR@2 = 0.5000 (")


def test_without_new_users_there_is_no_list_and_without_pairs_nothing():
    found = cold_pairs(dataset(np.array([0]), np.array([3])), (2,))
    assert found == (1, 0, 0, 0, 0, {}) and len(cold_lines(found, 2)) == 1
    assert cold_pairs(dataset(None, None), (2,)) is None


def test_an_evaluation_after_a_split_in_time_says_what_it_left_out(tmp_path, capsys):
    """Users 0 and 1 are known, user 2 came later, to item 0, and item 3 did."""
    frame = pd.DataFrame(
        [
            ("a", "x", 1),
            ("a", "y", 2),
            ("b", "x", 3),
            ("b", "z", 4),
            ("b", "w", 4),
            ("a", "z", 8),
            ("b", "new", 9),
            ("late", "x", 9),
        ],
        columns=["user", "item", "timestamp"],
    )
    split = Dataset.from_dataframe(frame, timestamp="timestamp", split="time", at=5, negatives=1)
    split.save(tmp_path, "timed")
    save_weights(build_gmf(split.num_users, split.num_items, 2), tmp_path / "model.h5")
    flags = ["--path", f"{tmp_path}/", "--dataset", "timed", "--weights", f"{tmp_path}/model.h5", "--topk", "1"]
    assert main([*flags, "--json", f"{tmp_path}/out.json"]) == 0
    assert "The popularity list gives 1 new users HR@1 = 1.0000" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())["cold"]
    counts = {"new_items": 1, "both_new": 0, "new_users": 1, "without_negatives": 0, "users": 1}
    assert {name: found[name] for name in counts} == counts
