"""`--features` of the training commands: models that take what a dataset knows of users and items."""

import numpy as np
import pytest

from ncf_keras.cli.prepare import main as prepare
from ncf_keras.cli.train import main as train
from ncf_keras.data import read_dataset
from ncf_keras.weights import read_weight_file


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> str:
    """The flags of a dataset of 30 users and 12 items, two of which are held out whole."""
    directory = tmp_path_factory.mktemp("features")
    generator = np.random.default_rng(1)
    rows = [f"u{user},i{item},{user + item}" for user in range(30) for item in generator.permutation(12)[:5]]
    (directory / "log.csv").write_text("\n".join(["user,item,timestamp", *rows]))
    items = [f"i{item},{'Drama' if item % 2 else 'Comedy|Crime'}" for item in range(12)]
    (directory / "items.csv").write_text("\n".join(["id,genres", *items]))
    out = str(directory / "small")
    flags = ["--out", out, "--negatives", "3", "--split", "cold_items", "--at", "0.2"]
    assert prepare([str(directory / "log.csv"), *flags, "--item_features", str(directory / "items.csv")]) == 0
    return str(directory)


def run(prepared: str, *flags: str, kind: str = "GMF") -> int:
    fixed = ["--path", prepared, "--dataset", "small", "--epochs", "1", "--seed", "1", "--save_dir", prepared]
    return train(kind, [*fixed, *flags])


def test_the_saved_model_has_the_features_of_the_dataset(prepared, tmp_path):
    flags = ["--features", "item", "--identity_dropout", "0.5", "--select", "none", "--save_dir", str(tmp_path)]
    assert run(prepared, *flags) == 0
    (saved,) = tmp_path.iterdir()
    layers = read_weight_file(saved).layers
    dataset = read_dataset(prepared, "small")
    matrix = dataset.item_features.matrix().toarray()
    codes = layers["item_features"][0]
    for row, expected in zip(codes, matrix, strict=True):
        np.testing.assert_array_equal(np.sort(row[row > 0]) - 1, np.flatnonzero(expected))
    assert not layers["item_embedding"][0][dataset.item_counts == 0].any()
    assert "user_features" not in layers


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--features", "both"], "`--features` must be none where nothing is known of the users of small "),
        (["--identity", "user"], "`--identity` must come with `--features`, "),
        (["--identity_dropout", "0.1"], "`--identity_dropout` must come with `--features`, "),
        (["--features", "item", "--identity", "item"], "`--identity` must be both or user where "),
    ],
)
def test_flags_that_do_not_fit(flags, message, prepared, capsys):
    assert run(prepared, *flags) == 2
    assert message in capsys.readouterr().err


def test_a_preset_is_refused_with_features(prepared, capsys):
    assert run(prepared, "--features", "item", "--preset", "tuned", kind="NeuMF") == 2
    assert "`--features` must be none with `--preset` tuned. Received: item" in capsys.readouterr().err
