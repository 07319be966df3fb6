import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.calibration import calibration_curve

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import Calibration, FullRanking, LeaveOneOut


def test_by_hand():
    """A positive of 0.95 weighs 1; eight negatives together weigh 4."""
    scores = np.array([[0.95, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.95, 0.95]], np.float32)
    is_positive = np.arange(9)[None, :] == 0
    calibration = Calibration(4, 10)
    calibration.add(scores, is_positive, ~is_positive)
    curve = calibration.curve()
    # In the top bin stand the positive and two negatives of weight 1/2 each, in the second bin the other six.
    assert curve.weights.tolist() == [0, 3 / 5, 0, 0, 0, 0, 0, 0, 0, 2 / 5]
    assert curve.predicted[[1, 9]] == pytest.approx([0.15, 0.95])
    assert curve.observed[[1, 9]].tolist() == [0, 1 / 2]
    assert np.isnan(curve.observed[0]) and np.isnan(curve.predicted[0])
    assert curve.error == pytest.approx(3 / 5 * 0.15 + 2 / 5 * 0.45)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 5))
def test_the_curve_is_that_of_scikit_learn(seed, bins, negatives):
    """With two positives and six negatives a list, a negative weighs 2 * negatives / 6 of a positive."""
    generator = np.random.default_rng(seed)
    scores = generator.random((9, 8), np.float32)
    roles = np.tile([1, 1, 0, 0, 0, 0, 0, 0], (9, 1))
    calibration = Calibration(negatives, bins)
    for some in (slice(0, 4), slice(4, 9)):
        calibration.add(scores[some], roles[some] == 1, roles[some] == 0)
    times = np.where(roles == 1, 6, 2 * negatives).ravel()
    labels, repeated = np.repeat(roles.ravel(), times), np.repeat(scores.ravel(), times)
    observed, predicted = calibration_curve(labels, repeated, n_bins=bins)
    curve = calibration.curve()
    filled = curve.weights > 0
    np.testing.assert_allclose(curve.observed[filled], observed, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(curve.predicted[filled], predicted, rtol=1e-6)
    counts = np.histogram(repeated, bins, (0, 1))[0]
    assert curve.error == pytest.approx(
        (counts[counts > 0] / counts.sum()) @ abs(observed - predicted), rel=1e-6
    )


def test_scores_that_are_no_numbers_are_left_out_and_no_probabilities_refused():
    calibration = Calibration()
    calibration.add(
        np.array([[0.5, np.nan, 1.0]]), np.array([[True, False, False]]), np.array([[False, True, True]])
    )
    # The only negative with a score weighs as all would.
    assert calibration.curve().weights[[5, 9]].tolist() == [1 / 5, 4 / 5]
    nothing = Calibration()
    nothing.add(np.full((2, 3), np.nan), np.eye(2, 3, dtype=bool), ~np.eye(2, 3, dtype=bool))
    assert np.isnan(nothing.curve().error)
    for score in (-0.1, 1.5, np.inf):
        with pytest.raises(InputError, match="Scores must be probabilities, from 0 to 1"):
            calibration.add(np.array([[score, 0.5]]), np.array([[True, False]]), np.array([[False, True]]))
    with pytest.raises(InputError, match="`negatives` must be a finite number above 0"):
        Calibration(0)


def test_both_protocols_hand_over_the_test_items_and_their_rivals(monkeypatch):
    """User 0 of five items has item 0 in train and items 1 and 2 in test; item 4 is not active."""
    monkeypatch.setattr("ncf_keras.evaluation.calibration.SCORES_A_CHUNK", 1)
    scores = np.array([0.91, 0.81, 0.71, 0.21, 0.11], np.float32)
    sampled, full = Calibration(), Calibration()
    # A test item among its own negatives, and a negative that is listed twice, count once.
    users, items, negatives = np.array([0, 0]), np.array([1, 2]), np.array([[3, 1], [3, 3]])
    LeaveOneOut(users, items, negatives).rankings(lambda users, items: scores[items], sampled)
    active = np.array([True, True, True, True, False])
    protocol = FullRanking(np.array([0, 1]), np.array([0]), users, items, 5, active)
    protocol.rankings(lambda users: scores[None, :], calibration=full)
    for calibration in (sampled, full):
        weights = calibration.curve().weights
        assert weights[[8, 7, 2]] == pytest.approx([1 / 10, 1 / 10, 8 / 10]) and weights.sum() == pytest.approx(
            1
        )
        assert calibration.curve().observed[[8, 7, 2]].tolist() == [1, 1, 0]
