"""A fitted baseline in a file and out of it; files that are damaged, forged or of something else."""

import dataclasses
import io
import json
import struct
import zipfile

import numpy as np
import pytest

from ncf_keras.base import memory
from ncf_keras.base.errors import InputError
from ncf_keras.baselines import EASE, IALS, Baseline, ItemKNN, ItemPop, load_baseline
from ncf_keras.baselines.archive import Stored, is_archive
from ncf_keras.baselines.loading import BASELINES as KINDS, baseline_in_words
from tests.baselines.tastes import BASELINES, PAIRS
from tests.baselines.test_selection import Oracle

USERS, ITEMS = 61, 41


@pytest.fixture(scope="module")
def files(fitted, tmp_path_factory):
    """Each baseline in its file."""
    directory = tmp_path_factory.mktemp("saved")
    for name, baseline in fitted.items():
        baseline.save(directory / f"{name}.npz")
    return {name: directory / f"{name}.npz" for name in fitted}


def parts_of(file):
    """Return what a file says of its baseline, and its arrays, by NumPy and the zip module."""
    with zipfile.ZipFile(file) as archive:
        about = json.loads(archive.read("baseline.json"))
    with np.load(file) as arrays:
        return about, {name: arrays[name] for name in arrays.files if name != "baseline.json"}


def forged(path, about, arrays, compression=zipfile.ZIP_STORED):
    """Write a file of these parts; a part that is bytes is written as it is."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("baseline.json", about if isinstance(about, bytes) else json.dumps(about))
        for name, array in arrays.items():
            if not isinstance(array, bytes):
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, array)
                array = buffer.getvalue()
            archive.writestr(f"{name}.npy", array)
    return path


def refused(path):
    """Return the sentence that a file is refused with, without its name."""
    with pytest.raises(InputError) as error:
        load_baseline(path)
    sentence = str(error.value)
    assert "\n" not in sentence and len(sentence) < 700
    before, _, reason = sentence.partition(
        " must be a baseline as `ncf baseline` saves it. Received: a file that "
    )
    assert before == str(path), sentence
    return reason


def test_all_baselines_are_read_and_all_are_tested():
    assert set(KINDS) == set(BASELINES) and all(issubclass(kind, Baseline) for kind in KINDS.values())


@pytest.mark.parametrize("name", BASELINES)
def test_scores_come_back_bit_for_bit(name, fitted, files):
    read = load_baseline(files[name])
    assert type(read) is type(fitted[name]) and read == fitted[name]
    assert (read.name, read.num_users, read.num_items) == (name, USERS, ITEMS)
    users = np.arange(USERS)
    assert read.score(*PAIRS).tobytes() == fitted[name].score(*PAIRS).tobytes()
    assert read.score_all(users).tobytes() == fitted[name].score_all(users).tobytes()
    assert is_archive(files[name]) and baseline_in_words(files[name]) == repr(read)


@pytest.mark.parametrize("name", BASELINES)
def test_what_was_read_can_be_saved_again_and_be_fitted_anew(name, fitted, files, tastes, tmp_path):
    read = load_baseline(files[name])
    read.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == files[name].read_bytes()
    users = np.arange(USERS)
    assert read.fit(tastes).score_all(users).tobytes() == fitted[name].score_all(users).tobytes()


def test_a_file_says_what_it_holds_to_numpy_too(fitted, files, tastes):
    about, arrays = parts_of(files["EASE"])
    assert about["baseline"] == "EASE" and about["hyperparameters"] == {"regularization": 10.0}
    assert (about["users"], about["items"]) == (USERS, ITEMS)
    np.testing.assert_array_equal(arrays["train_columns"], tastes.train_items)
    np.testing.assert_array_equal(arrays["train_offsets"], tastes.train_offsets)
    # A score is the sum of the weights from the user's items.
    expected = tastes.train_matrix.toarray() @ arrays["weights"]
    np.testing.assert_allclose(fitted["EASE"].score_all(np.arange(USERS)), expected, atol=1e-6)
    np.testing.assert_array_equal(parts_of(files["IALS"])[1]["item_factors"], fitted["IALS"].item_factors)
    np.testing.assert_array_equal(parts_of(files["ItemPop"])[1]["counts"], tastes.item_counts)


@pytest.mark.parametrize("name", ["ItemKNN", "EASE"])
def test_a_history_is_scored_as_that_of_a_user(name, fitted, tastes):
    for user in (0, 31, USERS - 1):
        history = tastes.train_items[tastes.train_offsets[user] : tastes.train_offsets[user + 1]]
        scores = fitted[name].score_history(np.concatenate([history[::-1], history[:3]]))
        np.testing.assert_array_equal(scores, fitted[name].score_all([user])[0])
    for items in ([ITEMS], [-1], [0.5], [[0]]):
        with pytest.raises(InputError, match="`items` must be "):
            fitted[name].score_history(items)


def test_what_can_not_be_saved_is_told(fitted, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"`fit` must come before `save`\. Received: EASE\("):
        EASE().save(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"`fit` must come before `num_items`\. Received: ItemPop"):
        _ = ItemPop().num_items
    with pytest.raises(InputError, match=r"`path` must end with \.npz\. Received: .*x\.h5"):
        fitted["EASE"].save(tmp_path / "x.h5")
    with pytest.raises(InputError, match="in a directory that exists"):
        fitted["EASE"].save(tmp_path / "no" / "x.npz")
    with pytest.raises(InputError, match=r"`save` must be asked of a baseline of ncf_keras\.baselines"):
        stranger = Oracle(0)
        stranger._sizes = (1, 1)
        stranger.save(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"`restore` must be asked of a baseline of ncf_keras\.baselines"):
        Oracle(0).restore(Stored({"users": 1, "items": 1}, {}))
    monkeypatch.setattr(
        np.lib.format, "write_array", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space"))
    )
    with pytest.raises(InputError, match=r"x\.npz must be a file that can be written\. Received: No space"):
        fitted["EASE"].save(tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_cut_or_damaged_is_refused_or_the_same(files, fitted, tmp_path):
    """At many lengths, and with a bit of any of its bytes turned."""
    whole, path = files["ItemPop"].read_bytes(), tmp_path / "damaged.npz"
    counts = fitted["ItemPop"].score_all([0]).tobytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(path)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            # Dates and the like change nothing.
            assert load_baseline(path).score_all([0]).tobytes() == counts
        except InputError as error:
            assert "\n" not in str(error)


def changed(**values):
    return lambda about, arrays: about.update(values)


def settings(**values):
    return lambda about, arrays: about["hyperparameters"].update(values)


def put(**values):
    return lambda about, arrays: arrays.update(values)


def of(change, *names):
    """Change some arrays by a function."""

    def apply(about, arrays):
        for name in names:
            arrays[name] = change(arrays[name])

    return apply


def cell(place, value):
    def change(array):
        array = array.copy()
        array[place] = value
        return array

    return change


def twice(columns):
    return np.zeros_like(columns)


def drop(name):
    return lambda about, arrays: arrays.pop(name)


FACTORS = ("user_factors", "item_factors")
HUGE = (
    b"\x93NUMPY\x01\x00\x50\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 999), }".ljust(79)
    + b"\n"
)


@pytest.mark.parametrize(("name", "change", "reason"), [
    ("EASE", changed(format=2), "is of format 2, where 1 is read"),
    ("EASE", changed(format="x" * 9999), "is of format 'xxx"),
    ("EASE", changed(baseline="Nobody"), "is of a baseline 'Nobody', which is none of ItemPop, ItemKNN,"),
    ("EASE", changed(baseline=["EASE"]), "is of a baseline ['EASE'], which is none of"),
    ("EASE", changed(baseline="IALS"), "does not have the hyperparameters of IALS"),
    ("EASE", changed(hyperparameters=[1]), "does not have the hyperparameters of EASE"),
    ("EASE", changed(hyperparameters={}), "does not have the hyperparameters of EASE"),
    ("EASE", settings(scores_a_block=3), "does not have the hyperparameters of EASE"),
    ("EASE", settings(regularization=0), "has hyperparameters against their rule (`regularization` must be a"),
    ("EASE", settings(regularization="1"), "has hyperparameters against their rule (`regularization` must be"),
    ("ItemKNN", settings(neighbours=True), "has hyperparameters against their rule (`neighbours` must be a"),
    ("IALS", settings(factors=7), "holds 'user_factors' as float32 of shape (61, 6)"),
    ("EASE", changed(users=60), "holds 'train_offsets' as int64 of shape (62,)"),
    ("EASE", changed(items=39), "holds 'train_columns' that are not between 0 and 38"),
    ("EASE", changed(items=42), "holds 'weights' as float32 of shape (41, 41)"),
    ("EASE", changed(users=0), "says it is for 0 users and 41 items"),
    ("EASE", changed(users=True), "says it is for True users and 41 items"),
    ("EASE", changed(users=10**30), "says it is for 1000000"),
    ("EASE", changed(items="x" * 9999), "says it is for 61 users and 'xxx"),
    ("ItemPop", changed(items=2**31), "says it is for 61 users and 2147483648 items"),
    ("EASE", drop("weights"), "has no array 'weights'"),
    ("EASE", of(cell((0, 1), np.nan), "weights"), "holds NaN or infinity in 'weights'"),
    ("EASE", of(cell((0, 1), np.inf), "weights"), "holds NaN or infinity in 'weights'"),
    ("EASE", of(cell((0, 1), 3e38), "weights"), "holds weights whose sums are no finite scores"),
    ("EASE", of(np.float64, "weights"), "holds 'weights' as float64 of shape (41, 41)"),
    ("EASE", of(np.int32, "weights"), "holds 'weights' as int32 of shape (41, 41)"),
    ("EASE", of(np.float16, "weights"), "holds 'weights.npy', which is no plain array"),
    ("EASE", of(np.complex64, "weights"), "holds 'weights.npy', which is no plain array"),
    ("EASE", of(lambda array: array.astype(">f4"), "weights"), "holds 'weights.npy', which is no plain array"),
    ("EASE", of(lambda array: array.astype(object), "weights"), "holds 'weights.npy', which is no plain array"),
    ("EASE", of(np.asfortranarray, "weights"), "holds 'weights.npy', which is no plain array"),
    ("EASE", of(lambda array: array[0], "weights"), "holds 'weights' as float32 of shape (41,)"),
    ("EASE", of(lambda array: array[:, :, None], "weights"), "holds 'weights' as float32 of shape (41, 41, 1)"),
    ("EASE", put(weights=HUGE), "declares 'weights.npy' of shape (9999999999, 999), and does not hold that"),
    ("EASE", put(weights=b"not an array"), "holds 'weights.npy', which is no plain array"),
    ("EASE", put(weights=b""), "holds 'weights.npy', which is no plain array"),
    ("EASE", put(**{f"more{n}": np.zeros(1) for n in range(20)}), "holds 24 entries, more than any baseline"),
    ("EASE", of(cell(0, 1), "train_offsets"), "holds 'train_offsets' that are not those of"),
    ("EASE", of(cell(-1, 0), "train_offsets"), "holds 'train_offsets' that are not those of"),
    ("EASE", of(cell(3, 10**6), "train_offsets"), "holds 'train_offsets' that are not those of"),
    ("EASE", of(cell(slice(3, 5), [2**62, -(2**63)]), "train_offsets"), "holds 'train_offsets' that are not"),
    ("EASE", of(cell(5, 41), "train_columns"), "holds 'train_columns' that are not between 0 and 40"),
    ("EASE", of(cell(5, -1), "train_columns"), "holds 'train_columns' that are not between 0 and 40"),
    ("EASE", of(np.int64, "train_columns"), "holds 'train_columns' as int64"),
    ("ItemKNN", of(cell(5, 41), "weights_columns"), "holds 'weights_columns' that are not between 0 and 40"),
    ("EASE", of(twice, "train_columns"), "holds 'train_columns' that come twice in a row"),
    ("ItemKNN", of(twice, "weights_columns"), "holds 'weights_columns' that come twice in a row"),
    ("ItemKNN", of(lambda array: array[:-1], "weights"), "holds 'weights' as float64 of shape"),
    ("ItemKNN", of(cell(0, -np.inf), "weights"), "holds NaN or infinity in 'weights'"),
    ("IALS", of(lambda array: array[:-1], "item_factors"), "holds 'item_factors' as float32 of shape (40, 6)"),
    ("IALS", of(np.float64, "item_factors"), "holds 'item_factors' as float64 of shape (41, 6)"),
    ("IALS", of(cell((0, 0), np.nan), *FACTORS), "holds NaN or infinity in 'user_factors'"),
    ("IALS", of(cell((0, 0), 1e30), *FACTORS), "holds factors whose products are no finite scores"),
    ("EALS", of(cell((0, 0), 1e200), *FACTORS), "holds factors whose products are no finite scores"),
    ("ItemPop", of(np.float32, "counts"), "holds 'counts' as float32 of shape (41,)"),
    ("ItemPop", of(lambda array: array.reshape(41, 1), "counts"), "holds 'counts' as int64 of shape (41, 1)"),
])  # fmt: skip
def test_a_forged_file_is_one_sentence(name, change, reason, files, tmp_path):
    about, arrays = parts_of(files[name])
    change(about, arrays)
    assert refused(forged(tmp_path / "forged.npz", about, arrays)).startswith(reason)


def test_a_dot_product_of_an_earlier_version_has_no_penalty_exponent(files, tmp_path):
    about, arrays = parts_of(files["DotProduct"])
    assert about["hyperparameters"].pop("penalty_exponent") == 1
    earlier = load_baseline(forged(tmp_path / "earlier.npz", about, arrays))
    assert repr(earlier) == repr(load_baseline(files["DotProduct"]))


DEEP = b"[" * 30_000 + b"]" * 30_000


@pytest.mark.parametrize(("about", "reason"), [
    (b"", "has a 'baseline.json' that is no JSON ("),
    (b"\xff", "has a 'baseline.json' that is no JSON ("),
    (b"[1]", "has a 'baseline.json' that is no object of JSON"),
    (b'{"format": NaN}', "has a 'baseline.json' that is no JSON (NaN is no number of JSON)"),
    (b"1" * 5000, "has a 'baseline.json' that is no "),
    (DEEP, "has a 'baseline.json' that is no "),
    (b" " * 70_000, "has a 'baseline.json' of 70000 bytes: at most 65536 are read"),
])  # fmt: skip
def test_what_a_file_says_of_itself_is_bounded(about, reason, files, tmp_path):
    assert refused(forged(tmp_path / "forged.npz", about, parts_of(files["EASE"])[1])).startswith(reason)


def test_what_is_no_file_of_a_baseline_is_refused(files, tmp_path, monkeypatch):
    path = tmp_path / "other.npz"
    about, arrays = parts_of(files["EASE"])
    # Ten million zeros in some kilobytes.
    bomb = np.zeros((41, 41 * 6000), np.float32)
    assert refused(forged(path, about, arrays | {"weights": bomb}, zipfile.ZIP_DEFLATED)) == (
        "is compressed, as no file of a baseline is"
    )
    np.savez(path, **arrays)
    assert not is_archive(path)
    assert refused(path) == "has no 'baseline.json', which says what a baseline is"
    path.write_bytes(b"PK\x03\x04 no zip")
    assert not is_archive(path) and refused(path).startswith("is no zip archive, or a damaged one (")
    # Entries that lie over each other, or claim more than there is.
    forged(path, about, arrays)
    central = path.read_bytes().rindex(b"PK\x01\x02")
    claimed = bytearray(path.read_bytes())
    claimed[central + 20 : central + 28] = struct.pack("<2I", 2**31, 2**31)
    path.write_bytes(claimed)
    assert refused(path) == "declares more bytes than it has"
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("baseline.json", json.dumps(about))
    assert refused(path) == "has two entries of one name"
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    with pytest.raises(
        InputError, match=r"EASE\.npz, a fitted baseline, must fit into the memory that is free"
    ):
        load_baseline(files["EASE"])
    for absent in (tmp_path, tmp_path / "absent.npz"):
        with pytest.raises(InputError, match=r"must be a (regular )?file"):
            load_baseline(absent)


def test_memory_is_asked_for_before_it_is_taken(tastes, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 50_000)
    with pytest.raises(InputError, match="EASE, which has a weight for every two of 41 items, must fit into"):
        EASE().fit(tastes)
    with pytest.raises(InputError, match=r"IALS\(factors=192, .* for 102 users and items must fit into"):
        IALS().fit(tastes)
    assert dataclasses.asdict(ItemKNN(3)) == ItemKNN(np.int64(3)).hyperparameters() == {"neighbours": 3}
    assert type(ItemKNN(np.int64(3)).hyperparameters()["neighbours"]) is int
