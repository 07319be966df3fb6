"""A run of a network: the same as the training command's, and the same after a kill."""

import dataclasses

import numpy as np
import pytest
from reproduction.grid import Grid
from reproduction.train_network import train_network

from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut, hit_ratio, ndcg
from ncf_keras.models import model_scores
from ncf_keras.weights import load_model

GRID = Grid("sample", epochs=3, patience=None)
RUN = GRID.network("GMF", 8, learning_rate=0.01)


class Killed(Exception):
    pass


def without_clock(outcome):
    return [row[:4] for row in outcome["iterations"]], outcome["best"], outcome["initial"]


@pytest.fixture(scope="module")
def whole(sample, tmp_path_factory):
    work = tmp_path_factory.mktemp("whole")
    return work, *train_network(RUN, sample, "digest", work)


def test_the_positions_are_those_of_the_best_iteration(whole):
    _, positions, outcome = whole
    best = outcome["best"]
    assert best["hr"] == max(row[1] for row in outcome["iterations"])
    assert hit_ratio(positions, 10).mean() == best["hr"]
    assert ndcg(positions, 10).mean() == pytest.approx(best["ndcg"])


def test_the_saved_weights_are_those_of_the_best_iteration(whole, sample):
    work, positions, _ = whole
    model = load_model(work / f"{RUN.name}.h5")
    protocol = LeaveOneOut(sample.test_users, sample.test_items, sample.test_negatives)
    assert protocol.positions(model_scores(model)).tolist() == positions.tolist()
    # The checkpoint is the caller's to remove.
    assert {path.name for path in work.iterdir()} == {
        f"{RUN.name}{suffix}" for suffix in (".h5", ".options", ".checkpoint")
    }


@pytest.fixture(scope="module")
def killed(sample, tmp_path_factory):
    """Return the checkpoint of a run that was killed in its second epoch."""

    def kill(iteration):
        if iteration.number == 1:
            raise Killed

    work = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        train_network(RUN, sample, "digest", work, kill)
    (file,) = work.iterdir()
    assert file.name == f"{RUN.name}.checkpoint"
    return file.read_bytes()


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(whole, killed, sample, tmp_path):
    (tmp_path / f"{RUN.name}.checkpoint").write_bytes(killed)
    again = []
    positions, outcome = train_network(RUN, sample, "digest", tmp_path, lambda i: again.append(i.number))
    assert again == [1, 2]
    _, expected_positions, expected = whole
    assert positions.tolist() == expected_positions.tolist()
    assert without_clock(outcome) == without_clock(expected)


@pytest.mark.parametrize("damage", ["other data", "cut short"])
def test_a_checkpoint_that_does_not_fit_is_not_gone_on_from(whole, killed, sample, tmp_path, damage):
    content, digest = (killed[:-100], "digest") if damage == "cut short" else (killed, "other")
    (tmp_path / f"{RUN.name}.checkpoint").write_bytes(content)
    again = []
    _, outcome = train_network(RUN, sample, digest, tmp_path, lambda i: again.append(i.number))
    assert again == [0, 1, 2]
    assert without_clock(outcome) == without_clock(whole[2])


USERS, ITEMS, TRAINED = 60, 30, 6


@pytest.fixture(scope="module")
def split_by_hand():
    """Return a dataset, and the same with the latest interaction of each user held out as its test.

    Users like either half of the items. All that a user has not interacted with are negatives, so that nothing
    of the split is drawn.
    """
    generator = np.random.default_rng(3)
    half = ITEMS // 2
    liked = [half * (user % 2) + generator.permutation(half)[: TRAINED + 1] for user in range(USERS)]
    train, tests = np.array(liked)[:, :TRAINED], np.array(liked)[:, TRAINED]
    free = np.array([np.setdiff1d(np.arange(ITEMS), items) for items in train])
    # As many as the validation pairs have: an item of the train set stands in for the test item.
    negatives = np.where(free == tests[:, None], train[:, :1], free)
    users = np.arange(USERS)

    def dataset(items, tests, negatives):
        moments = np.tile(np.arange(items.shape[1]), USERS)
        pairs = np.repeat(users, items.shape[1]), items.ravel(), users, tests, negatives
        return Dataset.from_pairs(*pairs, num_users=USERS, num_items=ITEMS, train_timestamps=moments)

    return dataset(train, tests, negatives), dataset(train[:, :-1], train[:, -1], free)


def test_a_run_picked_on_validation_pairs_neither_learns_them_nor_looks_at_the_test(split_by_hand, tmp_path):
    whole, held_out = split_by_hand
    options = {"learning_rate": 0.02, "batch_size": 32}
    run = Grid("hand", epochs=6, patience=None).network("GMF", 8, select="validation", **options)
    positions, outcome = train_network(run, whole, "digest", tmp_path)
    # By hand: the held-out interactions are all the test there is.
    by_hand = dataclasses.replace(run, select="test")
    (tmp_path / "by hand").mkdir()
    held_out_positions, expected = train_network(by_hand, held_out, "digest", tmp_path / "by hand")
    assert without_clock(outcome) == without_clock(expected)
    model, same = (
        load_model(path) for path in (tmp_path / f"{run.name}.h5", tmp_path / "by hand" / f"{by_hand.name}.h5")
    )
    for found, wanted in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    tests = LeaveOneOut(whole.test_users, whole.test_items, whole.test_negatives)
    assert positions.tolist() == tests.positions(model_scores(model)).tolist() != held_out_positions.tolist()
