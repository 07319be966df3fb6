"""The experiment on items held out whole: the simple answers and chance by hand, and a small run."""

import itertools

import numpy as np
import pytest

from ncf_keras.cli.prepare import main as prepare
from ncf_keras.data import Dataset
from ncf_keras.data.cold_tests import ColdTests
from ncf_keras.data.features import Feature
from ncf_keras.evaluation import ndcg
from tests.experiments.test_fold_in import load


def near(values):
    """Return what equals these values but for what decides between equal ones."""
    return pytest.approx(values, abs=1e-6)


GENRES = Feature.of_texts("genres", ["a|b", "a", "b", "a|c", "b", "c"])
YEARS = Feature.of_texts("year", ["1", "2", "1", "1", "2", ""])


@pytest.fixture(scope="module")
def dataset():
    """Items 0, 1 and 2 have 3, 2 and 1 train interactions, the others none."""
    users, items = np.array([(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 1)]).T
    none = np.zeros(0, int)
    return Dataset.from_pairs(users, items, none, none, none.reshape(0, 1), num_users=3, num_items=6)


def test_simple_answers_by_hand(dataset):
    from _cold_answers import is_plain, simple_answers

    answers = simple_answers(dataset, GENRES, YEARS, 0)
    cold = np.array([3, 4, 5])

    def of(name, user=0):
        return answers[name](np.full(3, user), cold)

    # Genre a has 3 and 2, b has 3 and 1, c has no item in train: an item of c alone gets the mean of all.
    assert of("popularity of the genres") == near([2.5, 2, 2])
    # Year 1 has 3 and 1, year 2 has 2.
    assert of("popularity of the year") == near([2, 2, 2])
    # a in year 1: 3; b in year 2 and an item without a year: nothing known.
    assert of("popularity of the genres in the year") == near([3, 2, 2])
    # User 0 has a twice and b once in two interactions; user 1 has a once and b twice.
    assert of("user's share of the genres, sum") == near([1, 0.5, 0])
    assert of("user's share of the genres, sum", 1) == near([0.5, 1, 0])
    assert of("user's share of the genres, mean") == near([0.5, 0.5, 0])
    assert of("user's share of the genres, cosine") == near([0.5**0.5, 0.5, 0])
    # Of all six interactions five have a and four have b.
    assert of("user's share of the genres by everybody's, sum") == near([6 / 5, 3 / 4, 0])
    assert of("user's share of the year") == near([0.5, 0.5, 0])
    assert of("user's share of the year by everybody's") == near([0.5 / (4 / 6), 0.5 / (2 / 6), 0])
    product = of("user's share of the genres, sum x popularity of the genres")
    assert product == near([2.5, 1, 0])
    assert sum(map(is_plain, answers)) == 10
    # Nothing ties.
    for name in answers:
        assert len(set(of(name, 2))) == 3 or (of(name, 2) == 0).sum() == 1, name


def test_a_random_order_by_hand():
    """Each place is as likely: counted over all orders of one to three items, and two pairs of user 4."""
    counts = np.array([12, 1, 2])
    tests = ColdTests(np.array([4, 4, 6]), *[np.zeros(0)] * 2, counts, 0, 0)
    found = load("cold_items").chance(tests)
    hits, gains = [], []
    for count in counts:
        places = np.arange(count + 1)
        hits.append(np.mean(places < 10))
        gains.append(np.mean(ndcg(places, 10)))
    assert found["HR@10"] == pytest.approx([np.mean(hits[:2]), hits[2]])
    assert found["NDCG@10"] == pytest.approx([np.mean(gains[:2]), gains[2]])


def test_prints_the_answers_and_a_model_beside_the_best(tmp_path, capsys):
    generator = np.random.default_rng(2)
    pairs = [pair for pair in itertools.product(range(25), range(40)) if generator.random() < 0.5]
    log = "".join(f"u{user},i{item},{generator.integers(100)}\n" for user, item in pairs)
    (tmp_path / "log.csv").write_text("user,item,timestamp\n" + log)
    features = "".join(f"i{item},{'abc'[item % 3]}|d,{1990 + item % 4}\n" for item in range(40))
    (tmp_path / "items.csv").write_text("id,genres,title_year\n" + features)
    for seed in ("1", "2"):
        line = ["--split", "cold_items", "--at", "0.3", "--negatives", "5", "--seed", seed]
        line += ["--item_features", f"{tmp_path}/items.csv", "--out", f"{tmp_path}/cold-{seed}"]
        assert prepare([f"{tmp_path}/log.csv", *line]) == 0
    capsys.readouterr()
    experiment = load("cold_items")
    line = ["--path", f"{tmp_path}/", "--datasets", "cold-1", "cold-2", "--epochs", "1"]

    def printed(*flags):
        assert experiment.main([*line, *flags]) == 0
        return capsys.readouterr().out.split("\n\n")

    (table,) = printed("--features", "none")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    assert [row[0] for row in rows] == ["cold-1"] * 17 + ["cold-2"] * 17 and rows[0][3] == "in random order"
    # Of six places each is among the first ten.
    assert all(row[4] == "1.0000" for row in rows)
    assert {sum(row[3].startswith("**") for row in rows[part : part + 17]) for part in (0, 17)} <= {1, 2}
    table, compared = printed()
    assert table.count(f"| {experiment.MODEL} |") == 2
    assert compared.startswith(f"cold-1, {experiment.MODEL} against ") and "paired t-test p = " in compared
    assert experiment.main([*line, "--years", "year"]) == 2
    assert "`--genres` and `--years` must be columns of the items of cold-1, " in capsys.readouterr().err
