"""The experiment on what leave-one-out learns from the future: what it counts, and a small run."""

import numpy as np
import pandas as pd
import pytest

from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.tidy_log import tidy_log
from tests.experiments.test_fold_in import load

# Held out are a's z at 9, b's y at 4 and c's x at 8.
ROWS = [("a", "x", 1), ("b", "z", 2), ("b", "y", 4), ("a", "y", 5), ("c", "z", 6), ("c", "x", 8), ("a", "z", 9)]


def test_counts_what_is_later_than_a_test_pair_by_hand():
    frame = pd.DataFrame([*ROWS, ("d", "w", 3)], columns=["user", "item", "timestamp"])
    rows = tidy_log(dict(frame.items()), str)
    count = load("time_split").later_shares
    # Train has the times 1, 2, 3, 5 and 6: later than 9 none, than 4 two, than 8 none. Of the items, y at 5 is
    # later than b's y.
    assert count(prepare(rows, PrepareOptions(negatives=1))) == pytest.approx((2 / 5 / 3, 1 / 3))
    assert count(prepare(rows, PrepareOptions(negatives=1, split="time", at=8))) == (0, 0)


@pytest.mark.slow
def test_prints_both_splits_of_a_small_log(tmp_path, capsys):
    generator = np.random.default_rng(5)
    times = np.arange(500)
    users, items = generator.integers(0, 15, 500), (20 * generator.random(500) ** 2).astype(int)
    lines = [f"u{user},i{item},{time}" for user, item, time in zip(users, items, times, strict=True)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,timestamp", *lines]) + "\n")
    line = ["--log", str(tmp_path / "log.csv"), "--epochs", "1", "--negatives", "2"]
    assert load("time_split").main(line) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in printed if row.startswith("|")]
    assert [(row[0], row[3]) for row in rows[2:]] == [
        (split, model) for split in ("leave-one-out", "in time at 0.8") for model in ("popularity", "NeuMF-8")
    ]
    assert all(0 <= float(figure) <= 1 for row in rows[2:] for figure in row[4:])
    assert "in time at 0.8: of the train interactions 0.0% are later than a test pair" in printed[-1]
    assert printed[-2].startswith("leave-one-out: of the train interactions ")
    assert load("time_split").main(["--log", str(tmp_path / "none.csv")]) == 2
