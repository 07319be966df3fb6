"""Claims: the t-test by hand, and which answer follows from which runs."""

import numpy as np
import pytest
from reproduction.book import Book
from reproduction.claims import Comparison, claims, compare
from reproduction.grid import Grid
from reproduction.results import Result
from scipy.special import betainc

from tests.reproduction.small_results import put

GRID = Grid("hand", factors=(8, 16))
USERS = 60


def result(positions):
    return Result({}, np.array(positions))


def test_the_p_value_is_that_of_students_paired_test():
    ours, others = result([0, 0, 50, 0, 0, 50]), result([50, 0, 50, 50, 0, 50])
    found = compare("ours", [ours], "others", [others])
    # Differences 1, 0, 0, 1, 0, 0: mean 1/3, variance 4/15 over 5 degrees of freedom, t = (1/3) / sqrt(4/15/6).
    t = (1 / 3) / np.sqrt(4 / 15 / 6)
    # The two tails of Student's distribution are a regularised incomplete beta function.
    p = betainc(5 / 2, 1 / 2, 5 / (5 + t**2))
    assert found.hr == pytest.approx(1 / 3) == found.ndcg
    assert found.hr_p == pytest.approx(p) == found.ndcg_p


def test_ndcg_has_a_test_of_its_own():
    found = compare("ours", [result([3, 0, 50, 7])], "others", [result([7, 0, 50, 50])])
    gains = np.log(2) / np.log([5, 2, 13, 9]) * [1, 1, 0, 1] - np.log(2) / np.log([9, 2, 13, 13]) * [1, 1, 0, 0]
    t = gains.mean() / np.sqrt(gains.var(ddof=1) / 4)
    assert found.ndcg == pytest.approx(gains.mean())
    assert found.ndcg_p == pytest.approx(betainc(3 / 2, 1 / 2, 3 / (3 + t**2)))
    assert found.hr == 0.25 and found.hr_p == pytest.approx(betainc(3 / 2, 1 / 2, 3 / 4))


def test_several_runs_are_averaged_for_each_user_first():
    first, second, other = result([0, 50, 0, 50]), result([0, 0, 50, 50]), result([50, 50, 50, 50])
    found = compare("two", [first, second], "one", [other])
    # Values of users: 1, 1/2, 1/2, 0 against 0.
    assert found.hr == pytest.approx(0.5)
    t = 0.5 / np.sqrt((0.5 / 3) / 4)
    assert found.hr_p == pytest.approx(betainc(3 / 2, 1 / 2, 3 / (3 + t**2)))


def test_two_equal_sides_do_not_differ():
    found = compare("a", [result([0, 20, 3])], "b", [result([0, 20, 3])])
    assert (found.hr, found.hr_p, found.ndcg_p) == (0, 1, 1)
    assert not found.holds


def test_a_missing_run_gives_no_comparison():
    assert compare("a", [result([0])], "b", [None]) is None
    assert compare("a", [], "b", []) is None


@pytest.mark.parametrize(
    ("hr", "hr_p", "ndcg", "ndcg_p", "verdict"),
    [
        (0.01, 0.001, 0.01, 0.009, "yes"),
        (0.01, 0.001, 0.01, 0.011, "no: not significant in both metrics"),
        (0.01, 0.001, -0.01, 0.001, "no: not significant in both metrics"),
        (-0.01, 0.001, -0.01, 0.001, "no: the other way round"),
        (-0.01, 0.2, -0.01, 0.001, "no: not significant in both metrics"),
    ],
)
def test_a_claim_needs_both_metrics(hr, hr_p, ndcg, ndcg_p, verdict):
    assert Comparison("a", "b", hr, hr_p, ndcg, ndcg_p).verdict == verdict


def ranks(hits):
    """Return positions of which so many are first and the others beyond 10."""
    return [0] * hits + [50] * (USERS - hits)


def answers(directory):
    return {claim.text: claim.answer for claim in claims(Book(GRID, directory))}


def test_without_runs_nothing_is_answered(tmp_path):
    assert set(answers(tmp_path).values()) == {None}


def test_neumf_against_gmf_over_the_factors_that_ran(tmp_path):
    put(tmp_path, GRID.pretrained(8, "sgd"), ranks(50))
    put(tmp_path, GRID.network("GMF", 8), ranks(20))
    put(tmp_path, GRID.network("MLP", 8), ranks(50))
    found = answers(tmp_path)
    assert found["NeuMF is better than GMF"] == "yes"
    assert found["NeuMF is better than MLP"] == "no: not significant in both metrics"
    assert found["GMF is better than BPR"] is None
    put(tmp_path, GRID.baseline("BPR", 8), ranks(40))
    assert answers(tmp_path)["GMF is better than BPR"] == "no: the other way round"
    put(tmp_path, GRID.baseline("BPR", 16), ranks(0))
    put(tmp_path, GRID.network("GMF", 16), ranks(60))
    claim = next(claim for claim in claims(Book(GRID, tmp_path)) if "BPR" in claim.text)
    assert claim.answer == "yes"
    assert claim.deciding[0].better == "GMF, 8, 16 factors together"
    assert [detail.hr for detail in claim.details if detail] == pytest.approx([-20 / 60, 1.0])


def test_the_papers_learner_stands_for_pre_training(tmp_path):
    put(tmp_path, GRID.network("NeuMF", 8), ranks(30))
    put(tmp_path, GRID.pretrained(8, "adam"), ranks(60))
    assert answers(tmp_path)["Pre-training helps"] is None
    put(tmp_path, GRID.pretrained(8, "sgd"), ranks(31))
    claim = next(claim for claim in claims(Book(GRID, tmp_path)) if claim.text == "Pre-training helps")
    assert claim.answer == "no: not significant in both metrics"
    assert [(detail.better, detail.holds) for detail in claim.details if detail] == [
        ("NeuMF, pre-trained, Adam, 8 factors", True)
    ]


def test_runs_picked_on_validation_are_compared_too_and_decide_nothing(tmp_path):
    for run, hits in ((GRID.network("GMF", 8), 50), (GRID.baseline("BPR", 8), 30)):
        put(tmp_path, run, ranks(hits))
    put(tmp_path, GRID.network("GMF", 8, select="validation"), ranks(10))
    claim = next(claim for claim in claims(Book(GRID, tmp_path)) if claim.text == "GMF is better than BPR")
    assert claim.answer == "yes"
    assert [(detail.better, detail.verdict) for detail in claim.details if detail] == [
        ("GMF, picked on validation, 8 factors", "no: the other way round")
    ]


def test_deeper_is_better_only_if_each_layer_helps(tmp_path):
    for depth, hits in enumerate((0, 15, 30, 45)):
        put(tmp_path, GRID.network("MLP", 8, depth=depth), ranks(hits))
    text = "Deeper is better: each further layer of MLP helps"
    assert answers(tmp_path)[text] is None
    put(tmp_path, GRID.network("MLP", 8, depth=4), ranks(60))
    assert answers(tmp_path)[text] == "yes"
    put(tmp_path, GRID.network("MLP", 8, depth=4), ranks(45))
    assert answers(tmp_path)[text] == "no: not significant in both metrics"


def test_3_to_6_negatives_are_compared_with_fewer_and_with_more(tmp_path):
    def fill(hits_of):
        for model in ("GMF", "MLP", "NeuMF"):
            for ratio in range(1, 11):
                put(tmp_path, GRID.network(model, 16, num_neg=ratio), ranks(hits_of(ratio)))

    fill(lambda ratio: 50 if 3 <= ratio <= 6 else 20)
    assert answers(tmp_path)["3 to 6 negatives are best"] == "yes"
    fill(lambda ratio: 50 if ratio >= 3 else 20)
    assert answers(tmp_path)["3 to 6 negatives are best"] == "no: not significant in both metrics"
    fill(lambda ratio: 10 * ratio if ratio < 6 else 60)
    assert answers(tmp_path)["3 to 6 negatives are best"] == "no: the other way round"


def test_the_order_of_activations(tmp_path):
    for activation, hits in {"relu": 60, "tanh": 40, "sigmoid": 20, "linear": 10}.items():
        put(tmp_path, GRID.network("MLP", 8, activation=activation), ranks(hits))
    text = "ReLU is better than tanh, tanh than sigmoid, ReLU than linear layers"
    assert answers(tmp_path)[text] == "yes"
    put(tmp_path, GRID.network("MLP", 8, activation="sigmoid"), ranks(55))
    assert answers(tmp_path)[text] == "no: the other way round"
