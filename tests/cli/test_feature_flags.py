"""`ncf prepare --item_features … --user_features …`, and the dataset's own columns where others read a file."""

import json

import pytest

from ncf_keras.cli.evaluate import main as evaluate
from ncf_keras.cli.export import main as export
from ncf_keras.cli.prepare import main
from ncf_keras.cli.recommend import main as recommend
from ncf_keras.data import read_dataset
from ncf_keras.models import build_gmf
from ncf_keras.weights import save_weights
from tests.shared_files import shared

PAIRS = [(user, item) for user in range(6) for item in range(user, user + 5)]
LOG = "user,item,timestamp\n" + "".join(f"u{user},i{item},{user + item}\n" for user, item in PAIRS)
# i9 has no line; i10 and i11 have no interaction.
ITEMS = "item_id,kind,title\n" + "".join(
    f'i{item},{"red|round" if item % 2 else ""},"The ""{item}"" ({1990 + item})"\n'
    for item in (*range(9), 10, 11)
)
USERS = "".join(f"u{user}::{'F' if user % 2 else 'M'}::0{user}::x\n" for user in range(6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with a log, files of features, and the dataset `d` of them."""
    folder = tmp_path_factory.mktemp("features")
    (folder / "log.csv").write_text(LOG)
    (folder / "items.csv").write_text(ITEMS)
    (folder / "users.dat").write_text(USERS)
    assert main([*arguments(folder, "d"), *features(folder)]) == 0
    return folder


def arguments(folder, name):
    return [f"{folder}/log.csv", "--negatives", "3", "--out", f"{folder}/{name}"]


def features(folder):
    users = ["--user_features", f"{folder}/users.dat", "--user_features_columns", "id,gender,zip,"]
    return ["--item_features", f"{folder}/items.csv", *users]


def test_what_was_found_is_said(folder, capsys):
    assert main([*arguments(folder, "e"), *features(folder), "--feature_kinds", "title_year=categories"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1:5] == [
        "  items: kind: categories, 2; title_words: text, 1,024 buckets; title_year: categories, 9",
        "  items: 2 with features are not in the log, and passed over (`--with_new_items` keeps them)",
        "  items: 1 without features",
        "  users: gender: categories, 2; zip: categories, 6",
    ]
    source = json.loads((folder / "e.json").read_text())["source"]
    assert [file["name"] for file in source["item_features"]] == ["items.csv"]
    dataset = read_dataset(folder, "d")
    assert dataset.item_titles[:2] == ['The "0" (1990)', 'The "1" (1991)'] and dataset.item_titles[9] == ""
    assert dataset.user_features["zip"].cells == [f"0{user}" for user in range(6)]


def test_new_items_and_going_on(folder, capsys):
    assert main([*arguments(folder, "new"), *features(folder), "--with_new_items"]) == 0
    assert "  items: 2 with features are not in the log, and inactive\n" in capsys.readouterr().out
    dataset = read_dataset(folder, "new")
    assert dataset.item_ids[10:] == ["i10", "i11"] and dataset.item_states.tolist() == [0] * 10 + [1, 1]
    more = folder / "more.csv"
    more.write_text("user,item,timestamp\nu0,i11,90\nu7,i1,91\n")
    line = [str(more), "--ids_from", f"{folder}/new", "--append", "--out", f"{folder}/new"]
    assert main(line) == 0
    grown = read_dataset(folder, "new")
    assert grown.item_features["title_words"].cells[11] == 'The "11" (2001)' and grown.item_states[11] == 0
    assert grown.user_features["gender"].cells[-1] == ""


@pytest.mark.parametrize(("flags", "message"), [
    ("--feature_kinds kind", "`--feature_kinds` must be columns and their kinds"),
    ("--item_features items.csv --feature_kinds brand=text", "`--feature_kinds` must name columns of"),
    ("--item_features items.csv --feature_kinds kind=numbers", "`--feature_kinds` must be"),
    ("--item_features items.csv --feature_kinds kind=number", "'kind' must be numbers, as its kind is number"),
    ("--with_new_items", "`--with_new_items` must come with `--item_features`"),
    ("--item_features_columns id,kind", "`--item_features_columns` must come with one file"),
    ("--user_features items.csv", "must have ids of the dataset in its first column, such as u0, u1, u2"),
    ("--user_features users.dat --user_features_columns id,title,a,b", "Received: 'title'"),
    ("--user_features users.dat", "Received: a line that begins with 'u0', an id of the dataset"),
    ("--item_features none.csv", "none.csv"),
])  # fmt: skip
def test_mistakes_are_sentences_and_leave_nothing(flags, message, folder, capsys):
    flags = [f"{folder}/{flag}" if flag.endswith((".csv", ".dat")) else flag for flag in flags.split()]
    assert main([*arguments(folder, "wrong"), *flags]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(folder.glob("wrong*"))


def test_the_dataset_s_own_columns_serve_where_no_file_is_named(folder, tmp_path, capsys):
    save_weights(build_gmf(6, 10, 2), folder / "model.h5")
    data = ["--path", f"{folder}/", "--dataset", "d", "--weights", f"{folder}/model.h5"]
    assert evaluate([*data, "--topk", "2", "--segments", "--json", f"{tmp_path}/out.json"]) == 0
    found = {table["by"] for table in json.loads((tmp_path / "out.json").read_text())["segments"]}
    assert {"kind", "title_year", "gender", "zip"} <= found and "title_words" not in found
    capsys.readouterr()
    assert recommend([*data, "--user", "u0", "--max_per", "kind", "1", "--k", "5"]) == 0
    capsys.readouterr()
    assert recommend([*data, "--user", "u0", "--max_per", "brand", "1"]) == 2
    assert "`--max_per` must name a feature of the dataset: kind, title_year" in capsys.readouterr().err
    assert export([*data, "--to", f"{tmp_path}/ncf", "--group", "brand"]) == 2
    message = "`--group` must name a feature of the dataset: kind, title_year. Received: brand"
    assert message in capsys.readouterr().err


def test_the_files_of_movielens(tmp_path, capsys):
    """Numbers that `cut`, `sort` and `uniq` count in the files."""
    movies, users, log = (shared(f"data/ml-1m.{name}") for name in ("movies.dat", "users.dat", "ratings.dat"))
    short = tmp_path / "ratings.dat"
    short.write_text("".join(log.read_text().splitlines(keepends=True)[:20_000]))
    assert main([
        str(short), "--item_features", str(movies), "--item_features_columns", "id,title,genres",
        "--user_features", str(users), "--user_features_columns", "id,gender,age,occupation,zip",
        "--with_new_items", "--out", str(tmp_path / "m"),
    ]) == 0  # fmt: skip
    dataset = read_dataset(tmp_path, "m")
    features = dataset.item_features
    # The 3,881 films of the file, and one of the log that it lacks.
    assert dataset.num_items == 3882 and len(features["genres"].without_missing().categories) == 18
    toy_story = dataset.item_ids.index("1")
    assert features["genres"].cells[toy_story] == "Animation|Children's|Comedy"
    assert features["title_year"].cells[toy_story] == "1995"
    assert [column.kind for column in features.values()] == ["text", "number", "categories"]
    assert {column.kind for column in dataset.user_features.values()} == {"categories"}
    assert dataset.user_features["age"].categories == ("1", "18", "25", "35", "45", "50", "56")

    item, user, log = (shared(f"data/ml-100k.u.{name}") for name in ("item", "user", "data"))
    assert main([
        str(log), "--item_features", str(item), "--item_features_columns", "id,title,released,,,genre*19",
        "--user_features", str(user), "--user_features_columns", "id,age,gender,occupation,zip",
        "--out", str(tmp_path / "k"),
    ]) == 0  # fmt: skip
    dataset = read_dataset(tmp_path, "k")
    columns = [*dataset.item_features.items(), *dataset.user_features.items()]
    found = {name: column.kind for name, column in columns}
    assert found == {
        "title_words": "text", "title_year": "number", "released": "date", "genre": "categories",
        "age": "number",
        "gender": "categories", "occupation": "categories", "zip": "categories",
    }  # fmt: skip
    toy_story = dataset.item_ids.index("1")
    assert dataset.item_features["genre"].cells[toy_story] == "3|4|5"
    assert dataset.item_features["released"].encoding.time_format == "%d-%b-%Y"
