"""The search for the preset: its figures against drawn negatives, its rows on the sample."""

import numpy as np
import pytest

from ncf_keras.data import split_validation
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import build_gmf, model_scores
from tests.experiments.test_fold_in import load


def test_expected_figures_are_the_means_over_many_draws(sample):
    examples = split_validation(sample)
    model = build_gmf(sample.num_users, sample.num_items, 4, seed=0)
    tables = np.random.default_rng(1).normal(0, 0.7, (2, max(sample.num_users, sample.num_items), 4))
    model.get_layer("user_embedding").set_weights([tables[0, : sample.num_users]])
    model.get_layer("item_embedding").set_weights([tables[1, : sample.num_items] + 0.3])
    score = model_scores(model)
    drawn = []
    others = [unknown(examples, row) for row in range(len(examples.test_users))]
    for seed in range(30):
        generator = np.random.default_rng(seed)
        negatives = np.stack([generator.choice(items, 99, False) for items in others])
        result = LeaveOneOut(examples.test_users, examples.test_items, negatives).evaluate(score)
        drawn.append((result.hr, result.ndcg))
    assert load("tune").expected_figures(model, examples) == pytest.approx(np.mean(drawn, axis=0), abs=0.004)


def unknown(examples, row):
    """The items that a user has no train interaction with, the held-out one left out."""
    user = examples.test_users[row]
    known = examples.train_items[examples.train_offsets[user] : examples.train_offsets[user + 1]]
    return np.setdiff1d(np.arange(examples.num_items), [*known, examples.test_items[row]])


@pytest.mark.parametrize(
    ("above", "hr", "ndcg"),
    [(0, 1.0, 1.0), (99, 0.0, 0.0), (9, 1.0, np.log(2) / np.log(11)), (10, 0.0, 0.0)],
)
def test_with_just_99_other_items_nothing_is_left_to_chance(above, hr, ndcg):
    found = load("tune").expected_from_ranks(np.array([above]), np.array([99]))
    assert found == pytest.approx((hr, ndcg))


def test_a_row_for_each_setting_and_alpha(capsys):
    flags = ["--dataset", "sample", "--num_factors", "4", "--sweeps", "1", "2", "--layers", "[8,4]"]
    assert load("tune").main([*flags, "--mlp_epochs", "1", "--alpha", "1", "0.9"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| 4 |")]
    assert [(row[4], row[5]) for row in rows] == [
        ("1", "GMF alone"), ("1", "MLP alone"), ("1", "1"), ("1", "0.9"),
        ("2", "GMF alone"), ("2", "1"), ("2", "0.9"),
    ]  # fmt: skip
    # With alpha 1 the MLP has no say.
    assert rows[0][6:8] == rows[2][6:8]
