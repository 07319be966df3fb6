import contextlib
import csv
import json

import numpy as np
import pytest

from ncf_keras.cli.evaluate import main
from ncf_keras.data import split_validation
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import build_gmf, build_mlp
from ncf_keras.weights import save_weights
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import SIZES, seen_by, with_states
from tests.shared_files import shared
from tests.small_data import write_files

AUTHORS = {
    "GMF": ("ml-1m_GMF_8_1501651698.h5", "HR@10 = 0.6368, NDCG@10 = 0.3691"),
    "MLP": ("ml-1m_MLP_[64,32,16,8]_1501652038.h5", "HR@10 = 0.6710, NDCG@10 = 0.3963"),
}


@pytest.mark.parametrize("model", AUTHORS)
def test_the_authors_files_give_the_authors_figures(model, capsys):
    file, figures = AUTHORS[model]
    data = shared("data/ml-1m.train.rating").parent
    assert main(["--weights", str(shared(f"authors/{file}")), "--path", f"{data}/", "--dataset", "ml-1m"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(figures)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """The arguments that name a model of random weights for the sample, and its predictions of all pairs."""
    model = build_gmf(1000, 500, 4)
    by_hand.randomise(model)
    file = tmp_path_factory.mktemp("model") / "model.h5"
    save_weights(model, file)
    table = predict(model, *np.divmod(np.arange(500_000, dtype=np.int32), 500)).reshape(1000, 500)
    return ["--weights", str(file), "--dataset", "sample"], table


def evaluated(arguments, directory, capsys):
    """Return the lines that a run printed, its JSON and its CSV."""
    document, users = directory / "out.json", directory / "users.csv"
    assert main([*arguments, "--json", str(document), "--per_user", str(users)]) == 0
    rows = csv.DictReader(users.read_text().splitlines())
    return capsys.readouterr().out.splitlines(), json.loads(document.read_text()), list(rows)


def expected_of(dataset, table, top_k):
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    return protocol.evaluate(lambda users, items: table[users, items], top_k)


def test_every_figure_comes_with_its_interval_and_its_protocol(scored, sample, tmp_path, capsys):
    arguments, table = scored
    lines, document, rows = evaluated([*arguments, "--topk", "20,5"], tmp_path, capsys)
    expected = expected_of(sample, table, 20)
    assert lines[1].startswith("Protocol sampled: each of 1,000 test items ranked among 99 sampled negatives.")
    figures = f"HR@20 = {expected.hr:.4f}, NDCG@20 = {expected.ndcg:.4f} ["
    assert lines[-1].startswith(figures) and lines[-1].endswith(" s]")
    names = [f"{metric}@{top_k}" for top_k in (5, 20) for metric in ("HR", "NDCG", "MRR", "MAP", "recall")]
    assert [line.split()[0] for line in lines[3:-1]] == names == list(document["metrics"])
    assert document["protocol"] == "sampled" and document["rankings"] == 1000 and document["model"] == "GMF"
    for name, metric in document["metrics"].items():
        assert 0 <= metric["low"] < metric["mean"] < metric["high"] <= 1, name
        shown = f"{metric['mean']:.4f} {metric['low']:.4f} … {metric['high']:.4f}"
        assert shown in [" ".join(line.split()[1:]) for line in lines[3:-1]]
    assert [int(row["user"]) for row in rows] == list(range(1000))
    assert [float(row["NDCG@20"]) for row in rows] == expected.ndcgs.tolist()


def test_full_ranks_all_items_but_the_train_items(scored, sample, tmp_path, capsys):
    arguments, table = scored
    lines, document, rows = evaluated([*arguments, "--protocol", "full"], tmp_path, capsys)
    hits = []
    for user, item in zip(sample.test_users, sample.test_items, strict=True):
        seen = set(sample.train_items[sample.train_offsets[user] : sample.train_offsets[user + 1]])
        ahead = [other for other in range(500) if other not in seen and table[user, other] > table[user, item]]
        hits.append(float(len(ahead) < 10))
    assert [float(row["HR@10"]) for row in rows] == hits
    assert document["metrics"]["HR@10"]["mean"] == pytest.approx(np.mean(hits))
    assert lines[-1].startswith(f"HR@10 = {np.mean(hits):.4f}, ") and lines[-1].endswith("(protocol full)")
    assert "can't be compared" in lines[1] and document["protocol"] == "full"


def test_full_ranks_active_items_alone(tmp_path, capsys):
    item_states = [0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1]
    dataset = with_states([0, 0, 0, 0, 2, 1, 0, 0], item_states)
    dataset.save(tmp_path, "living")
    model = build_gmf(*SIZES, 4)
    by_hand.randomise(model)
    save_weights(model, tmp_path / "model.h5")
    flags = ["--weights", f"{tmp_path}/model.h5", "--path", f"{tmp_path}/", "--dataset", "living"]
    lines, _, rows = evaluated([*flags, "--protocol", "full", "--topk", "13"], tmp_path, capsys)
    assert "among all active items that its user has no train interaction with" in lines[1]
    table = predict(model, *np.divmod(np.arange(np.prod(SIZES)), SIZES[1])).reshape(SIZES)

    def ahead(items):
        tests = zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True)
        rivals = [(user, item, items - seen_by(dataset, user)) for user, item in tests]
        return [sum(table[user, other] > table[user, item] for other in some) for user, item, some in rivals]

    active = {item for item in range(SIZES[1]) if item_states[item] == 0}
    assert [1 / float(row["MRR@13"]) - 1 for row in rows] == pytest.approx(ahead(active))
    assert len(rows) == 2 and ahead(active) != ahead(set(range(SIZES[1])))


def test_validation_ranks_items_held_out_of_train(scored, sample, tmp_path, capsys):
    arguments, table = scored
    lines, document, rows = evaluated([*arguments, "--protocol", "validation"], tmp_path, capsys)
    expected = expected_of(split_validation(sample), table, 10)
    assert [float(row["HR@10"]) for row in rows] == expected.hits.tolist()
    assert lines[-1].startswith(f"HR@10 = {expected.hr:.4f}, ") and lines[-1].endswith("(protocol validation)")
    assert "--select validation" in lines[1] and document["protocol"] == "validation"


def test_users_have_their_raw_ids_and_validation_needs_pairs(tmp_path, capsys):
    write_files(tmp_path)
    (tmp_path / "small.users.csv").write_text("index,user_id\n0,ann\n1,bob\n")
    save_weights(build_gmf(2, 4, 2, seed=1), tmp_path / "model.h5")
    small = ["--weights", f"{tmp_path}/model.h5", "--path", f"{tmp_path}/", "--dataset", "small"]
    _, document, rows = evaluated([*small, "--model", "GMF"], tmp_path, capsys)
    assert [(row["user"], row["user_id"]) for row in rows] == [("0", "ann"), ("1", "bob")]
    assert document["rankings"] == 2
    assert main([*small, "--protocol", "validation", "--json", str(tmp_path / "no.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: The train set must have a user with two interactions")
    assert error.count("\n") == 1 and not (tmp_path / "no.json").exists()


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A directory with an MLP for the sample and a GMF for one user less."""
    directory = tmp_path_factory.mktemp("others")
    save_weights(build_mlp(1000, 500, (8,), (0,)), directory / "mlp.h5")
    save_weights(build_gmf(999, 500, 4), directory / "small.h5")
    return directory


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--json", "absent/out.json"], "`--json` must be a file in a directory that exists. Received: abs"),
    (["--per_user", "."], "`--per_user` must be a file that can be written. Received: ., a directory"),
    (["--weights", "mlp.h5", "--model", "GMF"], "`--weights` must hold a GMF. Received: mlp.h5, which "),
    (["--weights", "small.h5"], "`--weights` must be of a model for the 1000 users and 500 items of s"),
    (["--weights", "absent.h5"], "absent.h5 must be a file that can be read"),
    (["--protocol", "half"], "invalid choice: 'half'"),
    (["--topk", "5,x"], "such as 10 or 5,10,20. Received: '5,x'"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(scored, others, capsys, monkeypatch, arguments, sentence):
    monkeypatch.chdir(others)
    is_flag = arguments[0] in ("--protocol", "--topk")
    with pytest.raises(SystemExit) if is_flag else contextlib.nullcontext():
        assert main([*scored[0], *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and (is_flag or (error.startswith("error: ") and error.count("\n") == 1))
