"""A night of a model with features: new items come with theirs, and the model that is published knows them."""

import csv
import shutil

import numpy as np
import pytest

from ncf_keras.cli.prepare import main as prepare
from ncf_keras.cli.update import main
from ncf_keras.data import read_dataset
from ncf_keras.models import ModelSpec
from ncf_keras.recommending import Recommender
from ncf_keras.training.known_features import KnownFeatures
from ncf_keras.updating import workplace
from ncf_keras.weights import load_model, save_weights
from tests.updating.nights import quick_exports, words, write_logs


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("described")


@pytest.fixture(scope="module")
def after_a_night(directory):
    """The dataset and the model after a night, and the model before it."""
    write_logs(directory)
    with (directory / "items.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["item_id", "kind", "half"])
        rows.writerows([f"i{item}", ("even", "odd")[item % 2], "ab"[item // 20]] for item in range(40))
    line = [f"{directory}/day.csv", "--out", f"{directory}/Data/d", "--negatives", "10"]
    assert prepare([*line, "--item_features", f"{directory}/items.csv", "--with_new_items"]) == 0
    dataset = read_dataset(f"{directory}/Data/", "d")
    features = KnownFeatures.of(dataset, "item")
    spec = features.spec(ModelSpec("GMF", dataset.num_users, dataset.num_items, num_factors=4))
    model = spec.build(1, **features.matrices)
    save_weights(model, directory / "served.h5")
    with quick_exports():
        assert main(words(directory)) == 0
    return model, read_dataset(f"{directory}/Data/", "d"), load_model(directory / "served.h5")


def test_the_published_model_takes_the_features_of_the_dataset(after_a_night):
    before, dataset, model = after_a_night
    assert model.get_layer("item_embedding").input_dim == dataset.num_items
    codes = model.get_layer("item_features").get_weights()[0]
    for place, (name, start) in enumerate((("kind", 1), ("half", 3))):
        expected = [dataset.item_features[name].codes[item] + start for item in range(dataset.num_items)]
        np.testing.assert_array_equal(codes[:, place], expected)
    moved = model.get_layer("item_feature_embedding").get_weights()[0]
    assert moved.shape == (4, 4) and not np.array_equal(
        moved, before.get_layer("item_feature_embedding").get_weights()[0]
    )


def test_an_item_that_is_still_without_interactions_is_listed_by_its_features(after_a_night):
    _, dataset, model = after_a_night
    cold = [raw for raw, active in zip(dataset.item_ids, dataset.active_items, strict=True) if not active]
    assert cold
    frame = Recommender(model, dataset).recommend(dataset.user_ids[0], dataset.num_items)
    assert set(cold) <= set(frame["item_id"])


def test_an_update_exports_what_its_flags_ask_for(after_a_night, directory, tmp_path, capsys):
    """The group, though the export is made from the plan, of the files; what is not asked for again is said."""
    living, asked = shutil.copytree(directory, tmp_path / "living"), []

    def export_model(*arguments, **options):
        asked.append(options)
        return real(*arguments, **options)

    line = words(living, "--epochs", "0", "--group", "kind", "--candidates", "12", log="night1.csv")
    with quick_exports(), pytest.MonkeyPatch.context() as patch:
        real = workplace.export_model
        patch.setattr(workplace, "export_model", export_model)
        assert main(line) == 0
        assert main([*line, "--seed", "7"]) == 3, "nothing is new"
        assert "Note: " not in capsys.readouterr().err
        assert main([*line, "--seed", "7", "--group", "half"]) == 0, "another group is"
        assert main(words(living, "--epochs", "0", "--recall", "1", log="night2.csv")) == 0
    note = f"Note: {living}/served/3 was exported with --group half, which this command does not name.\n"
    assert note in capsys.readouterr().err
    groups = [one["group"] for one in asked]
    assert [group and group.categories for group in groups] == [("even", "odd"), ("a", "b"), None]
    assert [one["candidates"] for one in asked] == [12, 12, None]
    assert [one["recall"] for one in asked] == [None, None, 1]
    assert main(words(living, "--group", "colour", log="night0.csv")) == 2
    assert (
        "`--group` must name a feature of the dataset: half, kind. Received: colour" in capsys.readouterr().err
    )


def test_a_night_brings_the_features_of_its_new_items(after_a_night, directory):
    """Tomorrow's items come in a table beside the log, and are listed without anybody's interaction."""
    before = after_a_night[2].get_layer("item_feature_embedding").get_weights()[0]
    # All known ones get another tag, too, behind which the second column moves.
    more = "".join(f"i{item},{('even', 'odd')[item % 2]}|{'xyz'[item % 3]}\n" for item in range(40))
    (directory / "new.csv").write_text(f"item_id,kind\nnew1,odd\nnew2,prime\n{more}")
    with quick_exports():
        line = words(directory, "--item_features", f"{directory}/new.csv", "--with_new_items", log="night1.csv")
        assert main([*line, "--identity_dropout", "0.5", "--epochs", "0"]) == 0
    dataset, grown = read_dataset(f"{directory}/Data/", "d"), load_model(directory / "served.h5")
    new = [dataset.item_ids.index(raw) for raw in ("new1", "new2")]
    kinds = dataset.item_features["kind"]
    assert kinds.categories[:6] == ("even", "odd", "prime", "x", "y", "z")
    assert dataset.item_features["half"].categories == ("a", "b", "missing")
    table = grown.get_layer("item_feature_embedding").get_weights()[0]
    np.testing.assert_array_equal(table[[0, 1, 6, 7]], before)
    assert [kinds.categories[kinds.codes[kinds.offsets[index]]] for index in new] == ["odd", "prime"]
    assert not grown.get_layer("item_embedding").get_weights()[0][new].any()
    frame = Recommender(grown, dataset).recommend(dataset.user_ids[0], dataset.num_items)
    assert {"new1", "new2"} <= set(frame["item_id"])
