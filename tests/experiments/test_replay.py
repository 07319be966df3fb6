"""The replay of a log: how it is cut, how a step is ranked, what the tables say, and a small run of it all."""

import json
from collections import Counter
from types import SimpleNamespace

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


def test_users_arrive_and_stay_to_the_end_and_items_are_launched(drawn):
    from _replayed_log import read_replayed_log

    plain, arriving = (read_replayed_log(drawn, 0.5, 2, seed) for seed in (None, 3))
    pairs = [
        [(log.user_ids[user], log.item_ids[item]) for user, item in zip(log.users, log.items, strict=True)]
        for log in (plain, arriving)
    ]
    counts = [Counter(item for _, item in each) for each in pairs]
    launched = {item for item in counts[0] if counts[1][item] < counts[0][item]}
    assert 0 < len(launched) <= 40 // 20
    assert not launched & {item for _, item in pairs[1][: arriving.bounds[0]]}
    for user in plain.user_ids:
        orders = [[item for one, item in each if one == user and item not in launched] for each in pairs]
        assert orders[0] == orders[1]
    # They join one after the other, and at the end most are there.
    joined = [np.flatnonzero(arriving.users == user)[0] for user in range(len(arriving.user_ids))]
    assert joined == sorted(joined) and joined[-1] > len(arriving.users) / 2
    assert len(set(arriving.users[-100:].tolist())) > len(arriving.user_ids) / 2
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


@pytest.fixture
def steps():
    """Three steps with drawn positions; user 2 and item 2 are new, and users may have several pairs."""
    from _replay_methods import METHODS
    from _replay_tables import TestedStep

    generator = np.random.default_rng(0)
    seconds = {"anew": 8.0, "warm": 2.0, "frozen": 1.0, "popularity": 0.0}

    def positions(count):
        return {protocol: generator.integers(0, 20, count) for protocol in ("sampled", "full")}

    def step(users, items):
        dataset = SimpleNamespace(test_users=np.array(users), test_items=np.array(items))
        results = [
            {
                name: {
                    "training": seconds[name],
                    "folding": 0.5,
                    "examples": 100,
                    "positions": positions(len(users)),
                }
                for name in METHODS
            }
            for seed in (1, 2)
        ]
        return TestedStep(dataset, results)

    return [step([0, 1], [0, 1]), step([0, 1, 1, 2, 2], [1, 0, 2, 0, 1]), step([1, 1, 2], [1, 1, 2])]


def gains(step, method, metric, protocol="sampled"):
    both = zip(*(result[method]["positions"][protocol] for result in step.results), strict=True)
    return [np.mean([(p < 10) * (1 if metric == "HR" else 1 / np.log2(p + 2)) for p in pair]) for pair in both]


def by_user(step, values, users):
    """The mean of the values of each of some users, slowly."""
    pairs = list(zip(step.dataset.test_users.tolist(), values, strict=True))
    return [np.mean([value for user, value in pairs if user == one]) for one in users]


def test_in_the_tables_users_count_alike_and_beside_them_pairs(tiny, steps):
    from _replay_tables import tables

    lines = [cells(line) for line in tables(tiny, steps) if line.startswith("|")]
    users = [[0, 1], [0, 1, 2], [1, 2]]
    for column, method in enumerate(("anew", "warm", "frozen", "popularity"), 4):
        figures = [
            [np.mean(by_user(step, gains(step, method, metric), who)) for metric in ("HR", "NDCG")]
            for step, who in zip(steps, users, strict=True)
        ]
        means = [np.mean(figures[1:], axis=0)]
        means.append(
            np.mean([[np.mean(gains(s, method, m)) for m in ("HR", "NDCG")] for s in steps[1:]], axis=0)
        )
        for line, (hr, gain) in zip(lines[2:7], [*figures, *means], strict=True):
            assert line[column] == f"{hr:.4f} / {gain:.4f}"
    assert lines[3][:4] == ["2", "3", "5", "-4"]
    assert [line[0] for line in lines[5:7]] == [
        "mean of 2 to 3, each user alike",
        "mean of 2 to 3, each pair alike",
    ]
    assert ["warm start", "100", "1.000", "2.0", "0.250", "0.5"] in lines
    difference = next(line for line in lines if line[:2] == ["NDCG@10, full ranking", "pair"])
    both = [[np.mean(gains(s, name, "NDCG", "full")) for s in steps[1:]] for name in ("anew", "warm")]
    assert difference[2] == f"{np.mean(both[1]) - np.mean(both[0]):+.4f}"


def test_newcomers_are_held_against_popularity_user_by_user(tiny, steps):
    from _replay_tables import tables

    lines = [cells(line) for line in tables(tiny, steps) if line.startswith("|")]
    rows = {(*line[:2], line[3]): line for line in lines if line[0] in ("users", "items")}
    warm, popular = (
        np.concatenate([gains(step, name, "NDCG") for step in steps[1:]]) for name in ("warm", "popularity")
    )
    of_new_user = np.concatenate([step.dataset.test_users for step in steps[1:]]) == 2
    line = rows["users", "pair", "warm start"]
    assert line[2] == "3" and line[6] == f"{warm[of_new_user].mean():.4f}"
    assert line[7] == f"{scipy.stats.ttest_rel(warm[of_new_user], popular[of_new_user]).pvalue:.1g}"
    line = rows["users", "user", "warm start"]
    each = [by_user(step, gains(step, "warm", "NDCG"), [2])[0] for step in steps[1:]]
    assert line[2] == "2" and line[6] == f"{np.mean(each):.4f}"
    assert rows["users", "user", "popularity"][5::2] == ["", ""]
    assert rows["items", "user", "trained anew"][2] == rows["items", "pair", "trained anew"][2] == "2"


@pytest.mark.slow
def test_a_replay_that_was_stopped_goes_on_and_says_the_same(drawn, tmp_path, capsys):
    replay = load("replay")
    flags = ["--log", str(drawn), "--steps", "3", "--first", "0.6", "--epochs", "2", "--warm_epochs", "1"]
    flags += ["--replay", "1", "--negatives", "5", "--out", str(tmp_path / "out")]
    assert replay.main(flags) == 0
    first = capsys.readouterr().out
    assert "| mean of 2 to 3, each user alike |" in first and "| users |" in first
    kept = {file.name: file.read_bytes() for file in (tmp_path / "out").glob("seed_1/step_*.json")}
    assert len(kept) == 12
    # The first step comes before anything could differ.
    same = [json.loads(kept[f"step_01_{name}.json"])["positions"] for name in ("anew", "warm", "frozen")]
    assert same[0] == same[1] == same[2]
    for name in ("step_02_anew.json", "step_03_warm.json"):
        (tmp_path / "out" / "seed_1" / name).unlink()
    assert replay.main(flags) == 0
    capsys.readouterr()
    for name, content in kept.items():
        again = json.loads((tmp_path / "out" / "seed_1" / name).read_bytes())
        assert again["positions"] == json.loads(content)["positions"]
    assert replay.main([*flags, "--warm_rate", "0.1"]) == 2
    assert "`warm_rate` was 0.001" in capsys.readouterr().err
