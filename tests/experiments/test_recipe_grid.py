"""The search for the preset: its figures against drawn negatives, its rows on the sample."""

import re

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, split_validation
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
    assert load("recipe_grid").expected_figures(model, examples) == pytest.approx(
        np.mean(drawn, axis=0), abs=0.004
    )


def unknown(examples, row):
    """The items that a user has no train interaction with, the held-out one left out."""
    user = examples.test_users[row]
    known = examples.train_items[examples.train_offsets[user] : examples.train_offsets[user + 1]]
    return np.setdiff1d(np.arange(examples.num_items), [*known, examples.test_items[row]])


def test_with_just_99_other_items_nothing_is_left_to_chance_and_with_fewer_they_are_refused():
    grid = load("recipe_grid")
    for above, *figures in ((0, 1.0, 1.0), (99, 0.0, 0.0), (9, 1.0, np.log(2) / np.log(11)), (10, 0.0, 0.0)):
        assert grid.expected_from_ranks(np.array([above]), np.array([99])) == pytest.approx(tuple(figures))
    for others in ([98], [500, 3]):
        sentence = f"`others` must be at least 99 for each user. Received: {others[-1]}"
        with pytest.raises(InputError, match=sentence):
            grid.expected_from_ranks(np.zeros(len(others), np.int64), np.array(others))


@pytest.mark.slow
def test_a_row_for_each_setting_and_alpha(capsys):
    flags = ["--dataset", "sample", "--num_factors", "4", "--sweeps", "1", "2", "--layers", "[8,4]"]
    assert load("recipe_grid").main([*flags, "--mlp_epochs", "1", "--alpha", "1", "0.9"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| 4 |")]
    assert [(row[4], row[5]) for row in rows] == [
        ("1", "GMF alone"), ("1", "MLP alone"), ("1", "1"), ("1", "0.9"),
        ("2", "GMF alone"), ("2", "1"), ("2", "0.9"),
    ]  # fmt: skip
    # With alpha 1 the MLP has no say.
    assert rows[0][6:8] == rows[2][6:8]


@pytest.mark.parametrize(("flags", "message"), [
    (["--alpha", "0.5", "2"], "--alpha: must be a number of at least 0 and at most 1. Received: '2'"),
    (["--layers", "[7]"], "`--layers` must have widths from 1 to 65536, the first even.* Received: '[7]'"),
    (["--layers", "[]"], "`--layers` must have widths .* Received: '[]'"),
    (["--popularity_exponent", "400"], "--popularity_exponent: must be .* and at most 10. Received: '400'"),
    (["--popularity_exponent", "-11"], "--popularity_exponent: must be a number of at least -10.* '-11'"),
    (["--unobserved_weight", "1e300"], "--unobserved_weight: must be .* at most 1e+09. Received: '1e300'"),
    (["--num_factors", "9" * 20], f"--num_factors: must be .* from 1 to 65536. Received: '{'9' * 20}'"),
])  # fmt: skip
def test_a_mistake_is_told_before_anything_is_loaded(monkeypatch, capsys, flags, message):
    grid = load("recipe_grid")
    monkeypatch.setattr(grid, "load_dataset", lambda flags: pytest.fail("loaded"))
    try:
        status = grid.main(["--dataset", "sample", *flags])
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    pattern = re.escape(message).replace(r"\.\*", ".*")
    assert re.search(f"error: (argument )?{pattern}\n$", captured.err)


def test_the_popularity_exponent_may_be_negative(capsys):
    flags = ["--dataset", "sample", "--num_factors", "2", "--sweeps", "1"]
    assert load("recipe_grid").main([*flags, "--popularity_exponent", "-0.3"]) == 0
    assert "| 2 | 0.25 | 0.007 | -0.3 | 1 | 1 | GMF alone |" in capsys.readouterr().out


def test_a_user_with_fewer_than_99_items_to_draw_from_is_refused_before_training(monkeypatch, capsys):
    # User 1 has 101 items and has seen 4 of them, one of which is held out.
    pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [1, 3]])
    tests = np.array([0, 1]), np.array([4, 5]), np.array([[7], [7]])
    small = Dataset.from_pairs(*pairs.T, *tests, name="small", num_items=101)
    grid = load("recipe_grid")
    monkeypatch.setattr(grid, "load_dataset", lambda flags: small)
    monkeypatch.setattr(grid, "train_gmf", lambda *arguments: pytest.fail("trained"))
    assert grid.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: `--dataset` must leave each user at least 99 items without a train interaction besides the "
        "held-out one. Received: small, where user 1 has 97\n"
    )
