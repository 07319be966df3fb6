"""What `ncf evaluate` tells besides accuracy: lists, segments, calibration; and its report."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from ncf_keras.baselines import ItemPop
from ncf_keras.cli import compare
from ncf_keras.cli.evaluate import main
from ncf_keras.data import Dataset, split_validation
from ncf_keras.evaluation import bootstrap_intervals
from ncf_keras.models import build_gmf
from ncf_keras.weights import save_weights
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import all_cosines
from tests.reporting.test_page import Reader

USERS, ITEMS, TOP_K = 40, 30, 5
SCRIPT = "<script>alert(1)</script>\u202e"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a dataset of several test pairs a user, features and a GMF of random weights."""
    directory = tmp_path_factory.mktemp("place")
    generator = np.random.default_rng(3)
    order = np.array([generator.permutation(ITEMS) for _ in range(USERS)])
    lengths = generator.integers(1, 12, USERS)
    train = [(user, item) for user in range(USERS) for item in order[user, 3 : 3 + lengths[user]]]
    # Of each user one to three test items; popular items are those of a low index.
    train += [(user, item) for user in range(0, USERS, 2) for item in range(3) if item not in order[user, :3]]
    tests = [(user, item) for user in range(USERS) for item in order[user, : 1 + user % 3]]
    negatives = [order[user, 20:28] for user, _ in tests]
    dataset = Dataset.from_pairs(
        *np.array(train).T, *np.array(tests).T, np.array(negatives), num_users=USERS, num_items=ITEMS,
        user_ids=[f"u{user}" for user in range(USERS)], item_ids=[f"i{item}" for item in range(ITEMS)],
        item_titles=[f"{SCRIPT} {item}" for item in range(ITEMS)],
    )  # fmt: skip
    dataset.save(directory, "shop")
    # The last ten items have no line, which is as an empty cell.
    rows = [
        f"i{item},{'red|round' if item % 3 == 0 else 'red' if item % 3 == 1 else ''}\n" for item in range(20)
    ]
    (directory / "items.csv").write_text("item_id,kind\n" + "".join(rows))
    (directory / "users.csv").write_text("user_id,age\n" + "".join(f"u{u},{u // 20}\n" for u in range(USERS)))
    model = build_gmf(USERS, ITEMS, 3)
    weights = by_hand.randomise(model)
    save_weights(model, directory / "model.h5")
    table = predict(model, *np.divmod(np.arange(USERS * ITEMS, dtype=np.int32), ITEMS)).reshape(USERS, ITEMS)
    return directory, dataset, table, all_cosines("GMF", weights)


def evaluated(place, *flags):
    directory = place[0]
    data = ["--path", f"{directory}/", "--dataset", "shop", "--weights", f"{directory}/model.h5"]
    assert main([*data, "--topk", str(TOP_K), "--json", f"{directory}/out.json", *flags]) == 0
    return json.loads((directory / "out.json").read_text())


def lists_of(place, examples=None):
    """Return the ranked items of each user, train items left out."""
    _, dataset, table, _ = place
    seen = (examples or dataset).train_matrix.toarray() > 0
    return [[i for i in np.argsort(-table[u], kind="stable") if not seen[u, i]] for u in range(USERS)]


def test_what_lists_are_like(place, capsys):
    found = evaluated(place, "--protocol", "full")
    tops = np.array([own[:TOP_K] for own in lists_of(place)])
    counts = pd.Series(place[1].train_items).value_counts().reindex(range(ITEMS), fill_value=0).to_numpy()
    listed = pd.Series(tops.ravel()).value_counts().reindex(range(ITEMS), fill_value=0).to_numpy()
    differences = abs(listed[:, None] - listed[None, :]).mean()
    inside = [place[3][np.ix_(top, top)][np.triu_indices(TOP_K, 1)].mean() for top in tops]
    expected = {
        "coverage": len(set(tops.ravel())) / ITEMS,
        "Gini": differences / 2 / listed.mean(),
        "popularity": counts[tops].mean(),
        "novelty": np.mean([-math.log2(max(counts[item], 1) / USERS) for item in tops.ravel()]),
        "diversity": 1 - np.mean(inside),
    }
    assert found["beyond_accuracy"] == pytest.approx({f"{k}@{TOP_K}": v for k, v in expected.items()}, rel=1e-5)
    out = capsys.readouterr().out
    shown = {line.split()[0]: line.split()[-1] for line in out.splitlines() if line.strip()}
    assert {name: float(shown[name]) for name in expected} == pytest.approx(expected, abs=0.05)
    assert f"Expected calibration error = {found['calibration']['expected_calibration_error']:.4f}" in out
    assert found["calibration"]["negatives_for_a_positive"] == 4
    other = evaluated(place, "--protocol", "full", "--num_neg", "1")["calibration"]
    assert [sum(one["share"] * one["observed"] for one in part["bins"] if one["share"]) for part in (
        found["calibration"], other
    )] == pytest.approx([1 / 5, 1 / 2])  # fmt: skip


@pytest.mark.parametrize("protocol", ["full", "sampled"])
def test_segments_are_means_of_users_over_their_tests_in_it(place, capsys, protocol):
    flags = [
        "--segments",
        "--item_features",
        f"{place[0]}/items.csv",
        "--user_features",
        f"{place[0]}/users.csv",
    ]
    found = evaluated(place, "--protocol", protocol, *flags)
    _, dataset, table, _ = place
    ranked = lists_of(place)
    rows = []
    for pair, (user, item) in enumerate(zip(dataset.test_users, dataset.test_items, strict=True)):
        position = ranked[user].index(item)
        if protocol == "sampled":
            position = sum(table[user, other] > table[user, item] for other in dataset.test_negatives[pair])
        rows.append({"user": user, "item": item, "hit": position < TOP_K})
    tests = pd.DataFrame(rows)
    # Of a list with several relevant items HR asks for any, of several lists it is the mean.
    of_user = "max" if protocol == "full" else "mean"
    kinds = {
        "kind": {
            "red": [i for i in range(20) if i % 3 < 2],
            "round": [i for i in range(20) if i % 3 == 0],
            "(none)": [i for i in range(ITEMS) if i >= 20 or i % 3 == 2],
        },
        "age": {"0": list(range(20)), "1": list(range(20, 40))},
    }
    tables = {table["by"]: table for table in found["segments"]}
    assert list(tables) == ["popularity", "history", "kind", "age"]
    for by, expected in kinds.items():
        side = tables[by]["of"]
        assert [row["segment"] for row in tables[by]["segments"]] == list(expected)
        for row in tables[by]["segments"]:
            inside = tests[tests[side].isin(expected[row["segment"]])]
            values = inside.groupby("user")["hit"].agg(of_user).astype(float).to_numpy()
            assert (row["users"], row["tests"]) == (len(values), len(inside))
            (interval,) = bootstrap_intervals(values[:, None])
            assert tuple(row["metrics"][f"HR@{TOP_K}"].values()) == pytest.approx(interval)
    # The thirds part the tests, and hold all of them.
    for by in ("popularity", "history"):
        assert sum(row["tests"] for row in tables[by]["segments"]) == len(tests)
    printed = capsys.readouterr().out
    for title in ("item by popularity", "user by history", "item by kind", "user by age"):
        assert f"\n{title} " in printed
    # Where each list has one relevant item, recall is HR and MAP is MRR.
    header = next(line for line in printed.splitlines() if line.startswith("item by kind"))
    assert ("recall@5" in header) == (protocol == "full")


def test_users_of_several_pairs_count_once_in_every_output(place, capsys):
    directory, dataset, _, _ = place
    found = evaluated(place, "--per_user", f"{directory}/users_out.csv")
    frame = pd.read_csv(directory / "users_out.csv")
    assert found["users"] == USERS == len(frame) and found["rankings"] == dataset.num_test > USERS
    assert frame["user_id"].tolist() == [f"u{user}" for user in range(USERS)]
    assert frame[f"NDCG@{TOP_K}"].mean() == pytest.approx(found["metrics"][f"NDCG@{TOP_K}"]["mean"])
    capsys.readouterr()
    data = ["--path", f"{directory}/", "--dataset", "shop", "--json", f"{directory}/compared.json"]
    assert compare.main([f"{directory}/model.h5", f"{directory}/model.h5", *data]) == 0
    assert capsys.readouterr().out.endswith("A and B agree on all 40 users: there is no difference to test.\n")
    assert json.loads((directory / "compared.json").read_text())["users"] == USERS


@pytest.mark.parametrize("protocol", ["sampled", "validation", "full"])
def test_a_report_holds_the_figures_and_ten_users_with_their_lists(place, protocol):
    directory = place[0]
    found = evaluated(place, "--protocol", protocol, "--report", f"{directory}/report.html")
    page = (directory / "report.html").read_text(encoding="utf-8")
    read = Reader(page)
    assert "script" not in read.tags and "\u202e" not in page
    for one in found["metrics"].values():
        assert f"{one['mean']:.4f}" in read.of("td")
    sections = ["Accuracy", "Segments", "Calibration", "10 users and their lists", "What was evaluated"]
    assert read.of("h2") == sections[:1] + ["Beyond accuracy"] * (protocol == "full") + sections[1:]
    assert f"--protocol {protocol} --report" in read.of("code")[0]
    assert [text for text in read.of("bdi") if text.startswith("shop: 40 users, 30 items, ")]
    # What is held out for validation is no part of what the model knew.
    tests = split_validation(place[1]) if protocol == "validation" else place[1]
    ranked = lists_of((directory, tests, *place[2:]))
    drawn = [int(text[1:]) for text in read.of("bdi") if text.startswith("u")]
    assert len(drawn) == 10 and len(set(drawn)) == 10
    items = iter([text.rpartition(" ")[2] for text in read.of("bdi") if "alert" in text])
    for user in drawn:
        held_out = tests.test_items[tests.test_users == user].tolist()
        assert sorted(int(next(items)) for _ in held_out) == sorted(held_out)
        assert [int(next(items)) for _ in range(TOP_K)] == ranked[user][:TOP_K]
        known = set(tests.train_items[slice(*tests.train_offsets[user : user + 2])].tolist())
        assert {int(next(items)) for _ in range(min(10, len(known)))} <= known


def test_a_category_is_on_a_line_of_its_own_however_strange_or_long(place, capsys):
    strange = '"red\nHR@5 = 1.0000\x1b[2J"'
    file = place[0] / "strange.csv"
    file.write_text(f"item_id,kind\ni0,{strange}\ni1,{'x' * 50_000}\n")
    evaluated(place, "--segments", "--item_features", str(file))
    printed = capsys.readouterr().out
    assert r"red\nHR@5 = 1.0000\x1b[2J " in printed and max(map(len, printed.splitlines())) < 300


def test_a_baseline_has_lists_but_neither_vectors_nor_probabilities(place, capsys):
    directory, dataset, _, _ = place
    ItemPop().fit(dataset).save(directory / "pop.npz")
    page = directory / "report.html"
    found = evaluated(place, "--protocol", "full", "--weights", f"{directory}/pop.npz", "--report", str(page))
    counts, seen = dataset.item_counts, dataset.train_matrix.toarray() > 0
    tops = [[i for i in np.argsort(-counts, kind="stable") if not seen[u, i]][:TOP_K] for u in range(USERS)]
    assert list(found["beyond_accuracy"]) == [
        f"{name}@{TOP_K}" for name in ("coverage", "Gini", "popularity", "novelty")
    ]
    assert found["beyond_accuracy"][f"popularity@{TOP_K}"] == pytest.approx(counts[np.array(tops)].mean())
    assert "calibration" not in found and "calibration" not in capsys.readouterr().out
    sections = Reader(page.read_text(encoding="utf-8")).of("h2")
    assert "Calibration" not in sections and "10 users and their lists" in sections


@pytest.mark.parametrize(("flags", "sentence"), [
    (["--item_features", "items.csv"], "`--item_features` must come with `--segments` or `--report`. Received"),
    (["--segments", "--item_features", "absent.csv"], "absent.csv must be a file that can be read"),
    (["--segments", "--user_features", "items.csv"], "items.csv must have ids of the dataset in its first col"),
    (["--report", "absent/report.html"], "`--report` must be a file in a directory that exists"),
    (["--report", "clicks.csv"], "`--report` must end in .html. Received: clicks.csv"),
    (["--report", "model.h5"], "`--report` must not be a file that `--weights` names to be read"),
])  # fmt: skip
def test_a_mistake_is_one_sentence_and_leaves_nothing(place, capsys, monkeypatch, flags, sentence):
    monkeypatch.chdir(place[0])
    assert (
        main(["--path", "./", "--dataset", "shop", "--weights", "model.h5", "--json", "no.json", *flags]) == 2
    )
    error = capsys.readouterr().err
    assert error.startswith(f"error: {sentence}") and error.count("\n") == 1
    assert not (place[0] / "no.json").exists()
