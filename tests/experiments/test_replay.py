"""The replay of a log: how it is cut, how a step is ranked, what the tables say, and a small run of it all."""

import json

import numpy as np
import pytest
import scipy.stats

from ncf_keras.base.errors import InputError
from tests.experiments.test_fold_in import load

# User, item, time; b likes x twice.
LOG = """a,x,10
a,y,11
b,x,12
c,z,30
b,y,13
b,x,25
c,x,31
a,w,32
b,w,33
c,y,34
"""


@pytest.fixture
def tiny(tmp_path):
    from _replayed_log import read_replayed_log

    (tmp_path / "log.csv").write_text("user,item,timestamp\n" + LOG)
    return read_replayed_log(tmp_path / "log.csv", 4 / 9, 5, None)


@pytest.fixture
def drawn(tmp_path):
    """Return a log of 30 users and 40 items whose later ones come late, and its path."""
    generator = np.random.default_rng(5)
    times = np.arange(700)
    users = (30 * generator.random(700) * (0.6 + 0.4 * times / 700)).astype(int)
    items = (40 * generator.random(700) ** 2 * (0.6 + 0.4 * times / 700)).astype(int)
    lines = [f"u{user},i{item},{time}" for user, item, time in zip(users, items, times, strict=True)]
    generator.shuffle(lines)
    (tmp_path / "drawn.csv").write_text("\n".join(["user,item,timestamp", *lines]) + "\n")
    return tmp_path / "drawn.csv"


def test_a_log_is_cut_by_time_and_nobody_changes_a_number(tiny):
    pairs = [(tiny.user_ids[u], tiny.item_ids[i]) for u, i in zip(tiny.users, tiny.items, strict=True)]
    assert ["".join(pair) for pair in pairs] == ["ax", "ay", "bx", "by", "cz", "cx", "aw", "bw", "cy"]
    assert tiny.bounds == [4, 5, 6, 7, 8, 9] and tiny.num_steps == 5
    assert [tiny.sizes_before(step) for step in range(1, 6)] == [(2, 2), (3, 3), (3, 3), (3, 4), (3, 4)]


def test_before_a_step_all_earlier_pairs_are_learned_and_the_pairs_of_known_ones_are_tested(tiny):
    dataset = tiny.dataset_before(2, 1, negatives=1)
    assert (dataset.user_ids, dataset.item_ids) == (["a", "b", "c"], ["x", "y", "z"])
    assert dataset.train_offsets.tolist() == [0, 2, 4, 5] and dataset.train_items.tolist() == [0, 1, 0, 1, 2]
    # c has x in this step and z before it, so that y alone is left.
    assert [dataset.test_users, dataset.test_items, dataset.test_negatives] == [[2], [0], [[1]]]
    for step, unknown in ((1, "user c"), (3, "item w")):
        with pytest.raises(InputError, match=f"Received: none in step {step}"):
            assert tiny.dataset_before(step, 1, negatives=1), unknown


def test_users_who_arrive_keep_the_order_of_their_interactions_and_stay_to_the_end(drawn):
    from _replayed_log import read_replayed_log

    plain, arriving = (read_replayed_log(drawn, 0.5, 2, seed) for seed in (None, 3))
    assert sorted(plain.user_ids) == sorted(arriving.user_ids) and plain.user_ids != arriving.user_ids
    for user in plain.user_ids:
        orders = [
            [log.item_ids[item] for item in log.items[log.users == log.user_ids.index(user)]]
            for log in (plain, arriving)
        ]
        assert orders[0] == orders[1]
    # An early and a late one of each user's interactions are the same share of them away from each other.
    joined = [np.flatnonzero(arriving.users == user)[0] for user in range(len(arriving.user_ids))]
    assert joined == sorted(joined) and joined[-1] > len(arriving.users) / 2
    again = read_replayed_log(drawn, 0.5, 2, 3)
    assert np.array_equal(again.items, arriving.items)


def test_positions_are_those_of_a_slow_ranking(drawn):
    from _replayed_log import NextStep, read_replayed_log

    log = read_replayed_log(drawn, 0.5, 3, None)
    for step in (1, 2, 3):
        dataset = log.dataset_before(step, 1, negatives=7)
        scores = np.random.default_rng(step).integers(0, 9, (dataset.num_users, dataset.num_items))
        positions = NextStep(dataset).positions(lambda users, scores=scores: scores[users])
        start, end = log.bounds[step - 1 : step + 1]
        until_end = set(zip(log.users[:end].tolist(), log.items[:end].tolist(), strict=True))
        of_step = zip(log.users[start:end].tolist(), log.items[start:end].tolist(), strict=True)
        known = [(u, i) for u, i in of_step if u in log.users[:start] and i in log.items[:start]]
        assert list(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True)) == known
        assert len(known) > 10
        for row, (user, item) in enumerate(known):
            others = [i for i in range(dataset.num_items) if (user, i) not in until_end]
            negatives = dataset.test_negatives[row].tolist()
            assert set(negatives) <= set(others) and len(set(negatives)) == 7
            # An equal score is ahead.
            assert positions["full"][row] == sum(scores[user, other] >= scores[user, item] for other in others)
            ahead = sum(scores[user, other] >= scores[user, item] for other in negatives)
            assert positions["sampled"][row] == ahead


def cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_the_tables_say_what_the_positions_say(tiny):
    from _replay_methods import METHODS
    from _replay_tables import tables

    generator = np.random.default_rng(0)
    log = tiny

    class OfStep:
        def __init__(self, step):
            self.test_users = np.array([0, 1, 2, 2])[: 2 + 2 * (step > 1)]
            self.test_items = np.array([0, 3, 1, 0])[: 2 + 2 * (step > 1)]

    datasets = [OfStep(step) for step in (1, 2, 3)]
    results = [
        {
            method: {
                "seconds": {"anew": 8.0, "warm": 2.0, "frozen": 1.0, "popularity": 0.0}[method],
                "positions": {
                    protocol: generator.integers(0, 20, len(dataset.test_users))
                    for protocol in ("sampled", "full")
                },
            }
            for method in METHODS
        }
        for dataset in datasets
    ]
    lines = list(tables(log, datasets, results))

    def gains(method, protocol, step, metric):
        found = results[step][method]["positions"][protocol]
        return (found < 10) * (1 if metric == "HR" else 1 / np.log2(found + 2))

    row = cells(next(line for line in lines if line.startswith("| 2 |")))
    found = [gains("anew", "sampled", 1, metric).mean() for metric in ("HR", "NDCG")]
    assert row[3] == f"{found[0]:.4f} / {found[1]:.4f}"
    mean = cells(next(line for line in lines if line.startswith("| mean of 2 to 3")))
    expected = [np.mean([gains("warm", "sampled", step, m).mean() for step in (1, 2)]) for m in ("HR", "NDCG")]
    assert mean[1] == "8" and mean[4] == " / ".join(f"{value:.4f}" for value in expected)
    assert "| warm start | 2.0 | 0.250 |" in lines
    # User 2 alone is new since day one, and items from 2.
    rows = [cells(line) for line in lines if line.startswith("| users |")]
    assert [line[2] for line in rows] == ["trained anew", "warm start", "day one's, folded in", "popularity"]
    warm, popular = (
        np.concatenate([gains(name, "sampled", step, "NDCG")[2:] for step in (1, 2)])
        for name in ("warm", "popularity")
    )
    assert rows[1][1] == "4" and rows[1][5] == f"{warm.mean():.4f}"
    assert rows[1][6] == f"{scipy.stats.ttest_rel(warm, popular).pvalue:.1g}"
    assert rows[3][4] == rows[3][6] == ""
    assert cells(next(line for line in lines if line.startswith("| items |")))[1] == "2"


@pytest.mark.slow
def test_a_replay_that_was_stopped_goes_on_and_says_the_same(drawn, tmp_path, capsys):
    replay = load("replay")
    flags = ["--log", str(drawn), "--steps", "3", "--first", "0.6", "--epochs", "2", "--warm_epochs", "1"]
    flags += ["--replay", "1", "--negatives", "5", "--out", str(tmp_path / "out")]
    assert replay.main(flags) == 0
    first = capsys.readouterr().out
    assert "| mean of 2 to 3 |" in first and "| users |" in first
    kept = {file.name: file.read_bytes() for file in (tmp_path / "out").glob("step_*.json")}
    assert len(kept) == 12
    # The first step comes before anything could differ.
    same = [json.loads(kept[f"step_01_{name}.json"])["positions"] for name in ("anew", "warm", "frozen")]
    assert same[0] == same[1] == same[2]
    for name in ("step_02_anew.json", "step_03_warm.json"):
        (tmp_path / "out" / name).unlink()
    assert replay.main(flags) == 0
    capsys.readouterr()
    for name, content in kept.items():
        again = json.loads((tmp_path / "out" / name).read_bytes())
        assert again["positions"] == json.loads(content)["positions"]
    assert replay.main([*flags, "--seed", "2"]) == 2
    assert "`seed` was 1" in capsys.readouterr().err
