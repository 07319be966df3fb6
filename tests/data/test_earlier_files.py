"""The files of a dataset to go on from: broken, forged, changed meanwhile, or half replaced."""

import json

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import read_dataset
from ncf_keras.data.earlier import read_earlier
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.sealed_files import finish_replacing
from tests.data.stable_ids import killed_before
from tests.data.yesterday import YESTERDAY, go_on, log_of, write


@pytest.fixture
def folder(tmp_path):
    """A directory with the dataset `d` of yesterday: ann 0, bob 1, cy 2; x 0, y 1, z 2, w 3."""
    write(tmp_path, "d", prepare(log_of(YESTERDAY), PrepareOptions(negatives=1)))
    return tmp_path


@pytest.mark.parametrize(
    "options", [None, [], "x", {"min_rating": "4"}, {"keep": "best"}, {"zeed": 1}, {"seed": -1}]
)
def test_options_that_nobody_wrote_are_a_sentence(folder, options):
    change(folder, options=options)
    with pytest.raises(InputError, match=r"d\.json must have the options that `ncf prepare` wrote. Received: "):
        read_earlier(folder, "d")


@pytest.mark.parametrize("sizes", [
    None, [], {}, [[3, 4], 7], [[3, 5]], [["3", 4], [3, 4]], [[0, 1], [3, 4]], [[True, 1], [3, 4]],
    [[3.0, 4.0]],
])  # fmt: skip
def test_sizes_that_nobody_wrote_are_a_sentence(folder, sizes):
    change(folder, sizes=sizes)
    with pytest.raises(
        InputError, match=r"d\.json must have the sizes that .* wrote, 3 and 4 the last. Receiv"
    ):
        read_earlier(folder, "d")


def change(folder, **what):
    report = json.loads((folder / "d.json").read_text()) | what
    (folder / "d.json").write_text(json.dumps(report))


@pytest.mark.parametrize(("suffix", "text", "message"), [
    (".json", None, r"d\.json must be of a dataset that `ncf prepare` wrote, .*Received: no such file"),
    (".json", "{}", "Received: one without options"),
    (".json", "{", r"d\.json must be JSON as it was written"),
    (".users.csv", None, r"d\.users\.csv must hold the raw ids"),
    (".users.csv", "index,user_id\n0,a\n1,a\n2,c\n", "a raw id of its own .* Received: one that comes twice"),
    (".users.csv", "index,user_id\n0,a\n1,\n2,c\n", "of its own for each index. Received: an empty one"),
    (".users.csv", "index,user_id\n0,a\n1,b\n", "a line for each of the 3 indices"),
    (".users.csv", "index,user_id,state\n0,a,forgotten\n1,b,\n2,c,\n",
     "must have a state for ids without interactions alone"),
    (".items.csv", "index,title\n0,a\n1,b\n2,c\n3,d\n", r"d\.items\.csv must hold the raw ids"),
    (".items.csv", "index,item_id,state\n0,x,\n1,y,\n2,z,\n3,w,\n4,v,forgotten\n",
     "line 6 must have the state inactive, or none"),
    (".waiting.csv", "", r"d\.waiting\.csv, line 1 must be user_id,item_id,rating,timestamp"),
    (".waiting.csv", "user_id,item_id,rating\na,b\n", "line 2 must have 3 columns. Received: 2"),
    (".waiting.csv", "user_id,item_id,rating\na,b,many\n", "row 1 must have a finite number for the rating"),
    (".waiting.csv", b"user_id,item_id,rating\na,\xff,1\n", "must be a CSV file in UTF-8"),
    (".waiting.csv", "user_id,item_id,rating,timestamp\na,b,1,soon\n", "row 1 must have a number or an ISO"),
])  # fmt: skip
def test_files_that_break_the_format_are_a_sentence(folder, suffix, text, message):
    report = json.loads((folder / "d.json").read_text())
    # Without digests they are read as they are.
    change(folder, files={}, **({"options": report["options"]}))
    file = folder / f"d{suffix}"
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        read_described(folder, suffix)


def read_described(folder, suffix):
    """Read the dataset, with the file of this suffix described."""
    from ncf_keras.data.reading import file_digest

    if suffix == ".waiting.csv":
        change(folder, files={suffix: file_digest(folder / f"d{suffix}", "sha256")})
    return read_earlier(folder, "d")


def test_a_dataset_that_was_saved_has_no_options_and_a_changed_file_is_refused(folder):
    read_dataset(folder, "d").save(folder, "saved")
    with pytest.raises(InputError, match=r"saved\.json must be of a dataset that `ncf prepare` wrote"):
        read_earlier(folder, "saved")
    with (folder / "d.train.rating").open("a") as file:
        file.write("0\t2\t1\t9\n")
    with pytest.raises(InputError, match=r"d\.train\.rating must be the file that .* describes"):
        read_earlier(folder, "d")


@pytest.mark.parametrize("number", range(1, 8))
def test_a_dataset_that_was_being_replaced_in_place_is_finished_not_lost(folder, number):
    with killed_before(number):
        write(folder, "d", go_on(folder, [("dee", "x", 6), ("dee", "y", 7)], forget=["cy"]))
    names = {path.name for path in folder.iterdir() if path.name.startswith("d.")}
    users = list(read_earlier(folder, "d").user_ids)
    assert users == (["ann", "bob", "cy"] if number == 1 else ["ann", "bob", "cy", "dee"])
    assert read_dataset(folder, "d").num_users == len(users)
    assert {path.name for path in folder.iterdir() if path.name.startswith("d.")} == names
    write(folder, "d", go_on(folder, [("dee", "x", 6), ("dee", "y", 7)], forget=["cy"]))
    assert read_dataset(folder, "d").user_ids == ["ann", "bob", "cy", "dee"]
    assert not list(folder.glob(".writing-*"))


def test_what_another_dataset_left_is_neither_finished_nor_swept(folder):
    write(folder, "d-x", prepare(log_of(YESTERDAY), PrepareOptions(negatives=1)))
    with killed_before(3):
        write(folder, "d-x", go_on(folder, [("dee", "x", 6)], name="d-x"))
    write(folder, "d", go_on(folder, [("eve", "x", 6)]))
    assert list(read_earlier(folder, "d-x").user_ids) == ["ann", "bob", "cy", "dee"]
    assert list(read_earlier(folder, "d").user_ids) == ["ann", "bob", "cy", "eve"]


def test_a_file_that_can_not_be_replaced_keeps_the_others_for_the_next_run(folder, monkeypatch):
    from ncf_keras.data import sealed_files

    put = sealed_files.put

    def busy(new, path):
        if path.name == "d.train.rating":
            raise OSError(16, "Device or resource busy")
        put(new, path)

    with monkeypatch.context() as patch:
        patch.setattr(sealed_files, "put", busy)
        with pytest.raises(InputError, match="run the command again"):
            write(folder, "d", go_on(folder, [("dee", "x", 6)]))
    with pytest.raises(InputError, match="of another run"):
        read_dataset(folder, "d")
    finish_replacing(
        folder / "d", [".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv"]
    )
    assert read_dataset(folder, "d").user_ids == ["ann", "bob", "cy", "dee"]


def test_rows_that_another_command_has_appended_meanwhile_are_not_lost(folder):
    """Two read the dataset, and each has rows of its own: the second is refused, and may be run again."""
    first, second = (go_on(folder, [(user, "x", 9)]) for user in ("eve", "fay"))
    write(folder, "d", first)
    with pytest.raises(InputError, match=r"run this one again\. Received: .*d, which was changed"):
        write(folder, "d", second)
    assert "eve" in read_earlier(folder, "d").user_ids
    write(folder, "elsewhere", second)
    write(folder, "d", go_on(folder, [("fay", "x", 9)]))
    assert {"eve", "fay"} <= set(read_earlier(folder, "d").user_ids)
