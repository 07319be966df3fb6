import importlib.util

import numpy as np
import pytest

from tests.shared_files import PROJECT


def load(name):
    spec = importlib.util.spec_from_file_location(f"experiment_{name}", PROJECT / f"run/experiments/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_users_are_taken_out_and_nothing_else(sample):
    from _held_out import draw_users, protocol_of, without_users

    removed = draw_users(sample, 200, 1)
    assert len(set(removed.tolist())) == 200
    assert np.array_equal(removed, draw_users(sample, 200, 1))
    others = without_users(sample, removed)
    stay = [user for user in range(sample.num_users) if user not in set(removed.tolist())]
    before, after = sample.train_matrix, others.train_matrix
    assert (before[stay] != after).nnz == 0
    assert np.array_equal(others.test_items, sample.test_items[stay])
    positions = protocol_of(sample, removed).positions(lambda users, items: items)
    lines = [(sample.test_negatives[user] >= sample.test_items[user]).sum() for user in removed]
    assert positions.tolist() == lines
    numbered = protocol_of(sample, removed, np.arange(200))
    seen = set()
    numbered.positions(lambda users, items: seen.update(users.tolist()) or items)
    assert seen == set(range(200))


def test_items_are_taken_out_and_nothing_else(sample):
    from _held_out import draw_items, without_items

    removed = draw_items(sample, 50, 1)
    assert len(set(removed.tolist())) == 50
    assert np.array_equal(removed, draw_items(sample, 50, 1))
    others = without_items(sample, removed)
    stay = [item for item in range(sample.num_items) if item not in set(removed.tolist())]
    assert (sample.train_matrix[:, stay] != others.train_matrix).nnz == 0
    assert len(others.test_items) == 0


@pytest.mark.slow
def test_the_tables_are_printed_and_weights_are_kept(tmp_path, capsys):
    flags = ["--dataset", "sample", "--models", "GMF", "--users", "20", "--items", "30", "--epochs", "1"]
    flags += ["--draws", "2", "--few", "5", "--weights_dir", str(tmp_path)]
    experiment = load("fold_in")

    def tables():
        assert experiment.main(flags) == 0
        return [part.splitlines() for part in capsys.readouterr().out.split("\n\n") if part.startswith("|")]

    users, items = first = [[line for line in table if line.startswith("|")] for table in tables()]
    assert users[0] == "| 20 users of sample | HR@10 | NDCG@10 |"
    assert items[0].startswith("| 30 items of sample, 2 draws, ")
    trained = ["popularity", "GMF, trained with them", "GMF, folded in"]
    few = "popularity by 5 users each", "GMF, folded in by 5 users each"
    for table, names in ((users, trained), (items, ["popularity", few[0], *trained[1:], few[1]])):
        assert [line.split("|")[1].strip() for line in table[2:]] == names
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(kept) == 4
    assert [[line for line in table if line.startswith("|")] for table in tables()] == first
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == kept


@pytest.mark.slow
def test_every_contender_learns_on_the_sample(capsys):
    assert load("other_models").main(["--dataset", "sample", "--epochs", "1"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if "|" in line][2:]
    assert len({tuple(row[:2]) for row in rows}) == len(rows) == 9
    # Of 100 items in random order, 10 are among the first 10.
    pairwise = [float(hr) for _, how, hr, _, _ in rows if how.startswith("pairwise")]
    assert min(pairwise) > 0.2
    assert all(0 <= float(row[3]) <= float(row[2]) <= 1 for row in rows)
