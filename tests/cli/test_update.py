"""`run/update.py`: a night with a new log, from the dataset to the published version; its other ends."""

import csv
import fcntl
import json
import shutil

import numpy as np
import pytest

from ncf_keras.cli.prepare import main as prepare
from ncf_keras.cli.update import main
from ncf_keras.data import read_dataset
from ncf_keras.serving.publishing import versions
from ncf_keras.weights import read_weight_file
from tests.hostile.kill_cases import digests
from tests.serving.cpp_loader import CppModel
from tests.updating.nights import DAY, NIGHTS, begin, quick_exports, words, write_log


@pytest.fixture(scope="module")
def first_day(tmp_path_factory):
    directory = tmp_path_factory.mktemp("day")
    begin(directory)
    return directory


@pytest.fixture(scope="module")
def after_two(first_day, tmp_path_factory):
    """A directory after two nights, and what the second one printed."""
    directory = copied(first_day, tmp_path_factory.mktemp("nights"))
    assert main(words(directory)) == 0
    assert main(words(directory, "--json", f"{directory}/report.json", log="night1.csv")) == 0
    return directory


@pytest.fixture
def living(after_two, tmp_path):
    return copied(after_two, tmp_path)


@pytest.fixture
def quickly():
    """Updates that publish versions without exporting a model."""
    with quick_exports():
        yield


def copied(directory, parent):
    return shutil.copytree(directory, parent / "living")


def ids_in(directory, side="user"):
    with (directory / f"Data/d.{side}s.csv").open(newline="") as file:
        return [row[f"{side}_id"] for row in csv.DictReader(file)]


def left_in(directory):
    """Return digests of what an update may change, but for the bytes of exports, which always differ."""
    files = [*(directory / "Data").glob("d.*"), directory / "served.h5"]
    return digests(files), list(versions(directory / "served"))


def pairs_of(dataset):
    users = np.concatenate([dataset.train_users, dataset.test_users])
    items = np.concatenate([dataset.train_items, dataset.test_items])
    return {(dataset.user_ids[user], dataset.item_ids[item]) for user, item in zip(users, items, strict=True)}


def test_a_night_appends_warm_starts_trains_and_publishes(after_two, first_day):
    dataset = read_dataset(f"{after_two}/Data/", "d")
    assert pairs_of(dataset) == {row[:2] for row in [*DAY, *NIGHTS[0], *NIGHTS[1]]}
    before = read_dataset(f"{first_day}/Data/", "d")
    assert list(dataset.user_ids[: before.num_users]) == list(before.user_ids)
    assert list(dataset.item_ids[: before.num_items]) == list(before.item_ids)
    layers = read_weight_file(after_two / "served.h5").layers
    assert layers["user_embedding"][0].shape[0] == dataset.num_users > before.num_users
    assert layers["item_embedding"][0].shape[0] == dataset.num_items > before.num_items
    assert list(versions(after_two / "served")) == [1, 2]
    report = json.loads((after_two / "report.json").read_text())
    assert report["published"] and report["exported"] == f"{after_two}/served/2"
    new = {row[0] for row in NIGHTS[1]} - {row[0] for row in [*DAY, *NIGHTS[0]]}
    assert report["dataset"]["new_users"] == len(new) == 2
    counted = report["dataset"]["users"], report["dataset"]["items"]
    assert counted == (dataset.num_users, dataset.num_items), "the new ones are among them"
    assert report["warm_start"]["users"]["kept"] == dataset.num_users - 2
    assert report["training"]["examples"] == 3 * 5 * dataset.num_train
    compared = report["training"]["comparison"]["HR@10"]
    assert compared["difference"]["mean"] == pytest.approx(compared["mean_b"] - compared["mean_a"])


def test_versions_agree_on_ids_in_the_cpp_loader_and_hide_all_that_is_known(after_two):
    """An index and an id get the same list in each version, and an id has the same index in both."""
    dataset = read_dataset(f"{after_two}/Data/", "d")
    known = pairs_of(dataset)
    for version, nights in ((1, NIGHTS[:1]), (2, NIGHTS[:2])):
        users = sorted({row[0] for rows in (DAY, *nights) for row in rows})
        indices = [dataset.user_ids.index(user) for user in users]
        with CppModel(after_two / f"served/{version}") as loaded:
            by_id = loaded.run("recommend_by_id", user_id=users, k=5)
            by_index = loaded.run("recommend", user_input=indices, k=5)
            unknown = loaded.run("recommend_by_id", user_id=["u33"], k=5)
        assert by_id["known"].all() and by_index["known"].all() and not unknown["known"].any()
        for user, ids, items in zip(users, by_id["item_ids"], by_index["items"], strict=True):
            assert [one.decode() for one in ids] == [dataset.item_ids[item] for item in items]
            if version == 2:
                assert not {(user, one.decode()) for one in ids} & known


def test_what_was_done_is_not_done_again(living, quickly, capsys):
    assert main(words(living, "--json", f"{living}/report.json", log="night2.csv")) == 0
    before = left_in(living)
    capsys.readouterr()
    assert main(words(living, "--json", f"{living}/again.json", log="night2.csv")) == 0
    assert "not done again" in capsys.readouterr().err
    assert left_in(living) == before
    again, report = (json.loads((living / f"{name}.json").read_text()) for name in ("again", "report"))
    assert again == report


def repeated(directory, *more):
    """Return the status of an update with a log that the dataset has, and with other settings than the last."""
    return main(words(directory, "--replay", "4", *more, log="night0.csv"))


@pytest.mark.parametrize("epochs", ["0", "1"])
def test_a_log_without_news_publishes_nothing_and_says_why(living, quickly, capsys, epochs):
    before = left_in(living)
    assert repeated(living, "--epochs", epochs) == 3
    out = capsys.readouterr().out
    assert "Nothing was trained: the log has no rows that are not in the dataset" in out
    assert f"Kept: nothing is new since {living}/served/2.\n" in out
    assert left_in(living) == before


def test_older_weights_are_not_put_above_newer_ones_by_a_log_without_news(first_day, living, quickly, capsys):
    shutil.copy(first_day / "served.h5", living)
    before = left_in(living)
    assert repeated(living) == 3
    assert (
        f"{living}/served/2, which was made of other weights than these (`ncf export` "
        in capsys.readouterr().out
    )
    assert left_in(living) == before


def test_newcomers_whom_nobody_serves_are_published_with_a_log_without_news(living, quickly):
    """After a night whose model was kept, or a dataset that `ncf prepare` has appended to."""
    prefix = f"{living}/Data/d"
    assert prepare([f"{living}/night2.csv", "--append", "--ids_from", prefix, "--out", prefix]) == 0
    dataset = read_dataset(f"{living}/Data/", "d")
    assert repeated(living) == 0
    layers = read_weight_file(living / "served.h5").layers
    assert layers["user_embedding"][0].shape[0] == dataset.num_users
    assert list(versions(living / "served")) == [1, 2, 3]


@pytest.mark.parametrize("mark", [None, b"[]", b"\xff"])
def test_above_a_version_of_unknown_making_nothing_is_published_without_news(living, quickly, mark):
    file = living / "served/2/assets.extra/ncf_update.json"
    file.unlink() if mark is None else file.write_bytes(mark)
    assert repeated(living) == 3
    assert list(versions(living / "served")) == [1, 2]


def test_new_titles_are_published_with_a_log_without_news(living, quickly):
    (living / "titles.csv").write_text("item,title\ni0,Zero\n")
    assert repeated(living, "--titles", f"{living}/titles.csv") == 0
    assert read_dataset(f"{living}/Data/", "d").item_titles[ids_in(living, "item").index("i0")] == "Zero"
    assert repeated(living, "--titles", f"{living}/titles.csv", "--seed", "5") == 3
    assert list(versions(living / "served")) == [1, 2, 3]


def test_a_model_that_got_worse_is_kept_and_the_log_is_appended_all_the_same(living, quickly, capsys):
    weights, there = digests([living / "served.h5"]), list(versions(living / "served"))
    assert main(words(living, "--lr", "30", "--epochs", "1", log="night2.csv")) == 3
    assert "Kept: " in capsys.readouterr().out
    assert (digests([living / "served.h5"]), list(versions(living / "served"))) == (weights, there)
    assert pairs_of(read_dataset(f"{living}/Data/", "d")) >= {row[:2] for row in NIGHTS[2]}
    # The next night goes on from weights that are older than the dataset.
    more = write_log(living / "more.csv", [("u0", "i29", 9000), ("u40", "i1", 9001), ("u40", "i3", 9002)])
    assert main(words(living, "--lr", "0.001", log=more.name)) == 0
    assert list(versions(living / "served")) == [1, 2, 3]


def test_old_versions_of_updates_are_removed_and_others_left_alone(living, quickly):
    shutil.copytree(living / "served/1", living / "served/7")
    (living / "served/7/assets.extra/ncf_update.json").unlink()
    assert main(words(living, "--keep", "2", log="night2.csv")) == 0
    assert list(versions(living / "served")) == [2, 7, 8]
    assert not list((living / "served").glob(".exporting-*"))


def test_who_is_forgotten_is_in_no_list_no_weight_and_no_version(living, capsys):
    (living / "forget.txt").write_text("u3\nnobody\n")
    ids = ids_in(living)
    assert main(words(living, "--forget", f"{living}/forget.txt", "--epochs", "1", log="")) == 0
    assert ids_in(living) == ids
    dataset = read_dataset(f"{living}/Data/", "d")
    index = ids.index("u3")
    assert not dataset.active_users[index] and not (dataset.train_users == index).any()
    assert not read_weight_file(living / "served.h5").layers["user_embedding"][0][index].any()
    assert list(versions(living / "served")) == [3], "what older versions knew is gone with them"
    with CppModel(living / "served/3") as loaded:
        answer = loaded.run("recommend_by_id", user_id=["u3", "u4"], k=3)
    assert list(answer["known"]) == [False, True]
    content = b"".join(file.read_bytes() for file in (living / "served").rglob("*") if file.is_file())
    assert b"u4" in content and b"u3" not in content.replace(b"u30", b"").replace(b"u31", b"")
    # Whoever is in tomorrow's log again is dropped.
    with quick_exports():
        assert main(words(living, "--epochs", "1", log="day.csv")) in (0, 3)
    assert not (read_dataset(f"{living}/Data/", "d").train_users == index).any()


def test_without_epochs_new_items_are_folded_in_and_published(living):
    before = read_weight_file(living / "served.h5").layers
    rows = [("u2", "i90", 9000), ("u4", "i90", 9001), ("u6", "i90", 9002), ("u8", "i90", 9003)]
    log = write_log(living / "hour.csv", [*rows, ("u2", "i28", 9004), ("u4", "i28", 9005)])
    assert main(words(living, "--epochs", "0", log=log.name)) == 0
    after = read_weight_file(living / "served.h5").layers
    for name in ("user_embedding", "item_embedding"):
        np.testing.assert_array_equal(after[name][0][: len(before[name][0])], before[name][0])
    index = ids_in(living, "item").index("i90")
    with CppModel(living / "served/3") as loaded:
        scores = loaded.run("score", user_input=[10, 11], item_input=[index, index])["prediction"]
    assert scores[0] > scores[1], "those who are like the users of a new item like it"


def test_recent_interactions_with_some_old_ones_are_trained_on_alone(living, quickly):
    flags = ("--replay", "2", "--epochs", "1", "--json", f"{living}/replayed.json")
    assert main(words(living, *flags, log="night2.csv")) in (0, 3)
    report = json.loads((living / "replayed.json").read_text())
    examples = report["training"]["examples"]
    assert examples % 15 == 0 and 0 < examples < 5 * report["dataset"]["train"] / 2


def test_a_second_update_at_once_is_refused(living, capsys):
    with (living / "Data/.update-d/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = left_in(living)
        assert main(words(living, log="night2.csv")) == 2
    assert "`--dataset` must be one that no other update is working on" in capsys.readouterr().err
    assert left_in(living) == before


@pytest.mark.parametrize(
    ("more", "log", "sentence"),
    [
        (("--dataset", "none"), "night0.csv", "none.json must be of a dataset that `ncf prepare` wrote"),
        (("--dataset", "sample"), "night0.csv", "`--dataset` must be the name of a dataset"),
        ((), "", "`LOG` must be a log of interactions, unless `--forget` is given. Received: none"),
        (("--weights", "none.h5"), "night0.csv", "none.h5 must be a file"),
        (
            ("--weights", "OTHER"),
            "night0.csv",
            "`--dataset` must be of the dataset that the weights are of, with 5 users and 6 items",
        ),
        (("--tolerance", "2"), "night0.csv", "must be a number of at least 0 and at most 1"),
        (
            ("--timestamp", "zeit"),
            "night0.csv",
            "`--timestamp` must be one of user, item, timestamp or a column number of",
        ),
        ((), "timeless.csv", "`--timestamp` must name the column of"),
        ((), "timeless.csv", "or `--no_timestamps` must ask for"),
        (("--group", "kind"), "night0.csv", "`--group` must come with `--item_features` where the dataset has"),
    ],
)
def test_a_mistake_is_a_sentence_and_changes_nothing(living, capsys, more, log, sentence):
    if "OTHER" in more:
        more = ("--weights", str(shutil.copy(other_sizes(living), living / "other.h5")))
    (living / "timeless.csv").write_text("user,item\nu1,i1\nu1,i2\n")
    before, there = left_in(living), set(living.rglob("*"))
    try:
        status = main(words(living, *more, log=log))
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert sentence in capsys.readouterr().err
    assert left_in(living) == before
    assert set(living.rglob("*")) == there


@pytest.mark.parametrize(
    ("split", "at", "found"), [("time", "0.8", "in time"), ("cold_items", "0.3", "with cold items held out,")]
)
def test_another_split_holds_out_what_an_update_would_learn_from(living, capsys, split, at, found):
    prefix = f"{living}/Data/d"
    line = ["--append", "--ids_from", prefix, "--out", prefix, "--split", split, "--at", at]
    assert prepare([*line, "--negatives", "2"]) == 0
    before, there = left_in(living), set(living.rglob("*"))
    assert main(words(living, "--to", f"{living}/new/ncf", log="night2.csv")) == 2
    assert set(living.rglob("*")) == there, "no directory is made for what is refused"
    assert (
        "`--dataset` must be of a dataset that is split leave-one-out, because an update learns from the "
        "newest interactions, which another split holds out, at least in part. Received: d, split "
        f"{found} at {at}"
    ) in capsys.readouterr().err
    assert left_in(living) == before


def other_sizes(directory):
    from ncf_keras.models import ModelSpec
    from ncf_keras.weights import save_weights

    save_weights(ModelSpec("GMF", 5, 6, num_factors=4).build(1), directory / "five.h5")
    return directory / "five.h5"
