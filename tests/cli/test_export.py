"""`run/export.py`: a weight file becomes a version; and the mistakes one can make with it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ncf_keras.cli.export import main
from ncf_keras.data.id_files import write_ids
from ncf_keras.serving.asked import Asked, read_asked
from ncf_keras.serving.seal import verify
from ncf_keras.weights import save_weights
from tests.serving.cpp_loader import CppModel
from tests.serving.small_exports import (
    ITEM_IDS,
    ITEMS,
    TITLES,
    USER_IDS,
    USERS,
    predictions,
    ranked,
    small_dataset,
    small_model,
)
from tests.serving.test_export import assert_lists, assert_scores_and_ranks
from tests.shared_files import PROJECT
from tests.small_data import write_files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A directory with a dataset `small`, its id maps, and the weights of a GMF for it."""
    directory = tmp_path_factory.mktemp("files")
    dataset = small_dataset()
    pairs = np.stack([dataset.train_users, dataset.train_items], axis=1)
    train, test = "".join(f"{user}\t{item}\t1\n" for user, item in pairs), f"{USERS - 1}\t{ITEMS - 1}\t1\n"
    write_files(directory, "small", train, test, f"({USERS - 1},{ITEMS - 1})\t0\n")
    write_ids(directory / "small.users.csv", "user_id", USER_IDS)
    write_ids(directory / "small.items.csv", "item_id", ITEM_IDS, TITLES)
    save_weights(small_model("GMF"), directory / "gmf.h5")
    return directory


def arguments(files, to, *more):
    return ["--weights", str(files / "gmf.h5"), "--to", str(to), *more]


def test_an_export_has_the_dataset_in_it(files, tmp_path, capsys):
    flags = arguments(files, tmp_path / "models" / "ncf", "--path", f"{files}/", "--dataset", "small")
    features = tmp_path / "features.csv"
    features.write_text("id,genre\n" + "".join(f"{item},drama\n" for item in ITEM_IDS), encoding="utf-8")
    more = ["--model", "GMF", "--item_features", str(features), "--group", "genre", "--recall", "0.9"]
    assert main([*flags, *more]) == 0
    out, err = capsys.readouterr()
    assert "two stages: the network ranks 40 candidates of 40 items. Measured recall@10: 1.0000" in err
    assert out == f"{tmp_path}/models/ncf/1\n"
    assert "#user=12, #item=40" in err
    verify(out.strip())
    assert read_asked(Path(out.strip())) == Asked(group="genre", recall=0.9)
    dataset, scores = small_dataset(), predictions(small_model("GMF"))
    with CppModel(out.strip()) as loaded:
        assert_scores_and_ranks(loaded, scores, dataset)
        answer = loaded.run("recommend_by_id", user_id=["用户"], k=1)
        steering = {"only_items": [[""]], "not_items": [[""]], "popularity_penalty": 0.0}
        steered = loaded.run("recommend_steered_by_id", user_id=["用户"], k=9, max_per=1, **steering)
    best = int(np.where(dataset.train_matrix.toarray()[1] > 0, -1, scores[1]).argmax())
    found = [answer[name][0, 0].decode() for name in ("item_ids", "titles")]
    assert found == [ITEM_IDS[best], TITLES[best]]
    assert [text.decode() for text in steered["item_ids"][0]] == [ITEM_IDS[best], *[""] * 8]


def test_without_a_dataset_the_script_says_what_is_missing_and_is_quiet_else(files, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    script = [sys.executable, str(PROJECT / "run" / "export.py")]
    done = subprocess.run(
        [*script, *arguments(files, "ncf", "--version", "7")], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == (f"{Path('ncf', '7')}\n", 0)
    assert done.stderr.startswith("Exported without `--dataset`") and done.stderr.count("\n") == 1
    scores = predictions(small_model("GMF"))
    with CppModel(tmp_path / "ncf" / "7") as loaded:
        assert not any("by_id" in name for name in loaded.signatures)
        answer = loaded.run("recommend", user_input=[2, USERS], k=4)
    # Nothing is seen, and nothing is popular.
    assert_lists(answer, [ranked(scores[2], (), 4), ([-1] * 4, [-1] * 4)], 4)
    assert answer["known"].tolist() == [True, False]


@pytest.mark.parametrize(("changes", "words"), [
    (["--weights", "missing.h5"], "missing.h5"),
    (["--model", "MLP"], "`--weights` must hold a MLP"),
    (["--dataset", "sample"], "1000 users and 500 items of sample"),
    (["--path", "nowhere/", "--dataset", "small"], "nowhere/small.train.rating"),
    (["--group", "genre"], "`--group` must come with `--dataset`, which has the ids. Received: none"),
    (["--dataset", "sample", "--group", "genre"], "`--group` must come with `--item_features` where"),
    (["--group", "genre", "--item_features", "x.csv"], "`--group` must come with `--dataset`"),
    (["--dataset", "sample", "--group", "genre", "--item_features", "missing.csv"], "missing.csv"),
])  # fmt: skip
def test_a_mistake_is_one_sentence_and_leaves_nothing(changes, words, files, tmp_path, capsys):
    assert main([*arguments(files, tmp_path / "ncf"), *changes]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_exists_and_a_directory_that_is_none(files, tmp_path, capsys):
    (tmp_path / "ncf" / "7").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for name, rule in (("ncf", "`--version` must be one that does"), ("file", "`--to` must be a directory ")):
        assert main(arguments(files, tmp_path / name, "--version", "7")) == 2
        assert rule in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(arguments(files, tmp_path / "ncf", "--version", "-1"))
    assert list((tmp_path / "ncf").iterdir()) == [tmp_path / "ncf" / "7"]
