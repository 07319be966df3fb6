"""Generated dirty logs end in the right dataset or in one clear sentence.

The fast suite tries sixty; `pytest -m slow tests/data/test_dirty_logs.py` tries 10,000 of each kind.
"""

import io
import json
import re
import shutil
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from ncf_keras.cli.prepare import main
from ncf_keras.data import read_dataset
from tests.data.slow_prepare import Refused, slow_prepare
from tests.data.written_logs import FORMS, WrittenLog, meant

# The csv module of Python 3.10 neither writes nor reads NUL.
NUL = "\0" if sys.version_info >= (3, 11) else ""
IDS = st.one_of(
    st.sampled_from(["1", "2", "3", "007", "7", "a", "b", "c", "d"]),
    st.sampled_from(["", " ", "NA", "NaN", "null", "user", "\ufeffx", " 1", "1 ", "1.0", "-1", "é", "😀", "a,b",
                     'a"b', '"', "a;b", "a\tb", "a|b", "a\nb", "a\r\nb", "a\rb", "'", "\\", "#", str(10**30),
                     "x" * 300, "1e5", NUL, "True", "2020-01-01", "::"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="" if NUL else "\0"), max_size=5),
)  # fmt: skip
RATINGS = st.one_of(
    st.sampled_from(["1", "2", "3", "4", "5"]),
    st.sampled_from(["", "NaN", "nan", "null", "NA", "0", "-1", "3.5", "5.0", " 4 ", "1e2"]),
)
WRONG_RATINGS = st.sampled_from(["inf", "five", "1,5", "4 stars", "-"])
NUMBERS = st.one_of(
    st.integers(0, 9).map(str),
    st.sampled_from(["", "NaN", "null", "1700000000000000001", "1700000000000000000", "0.5", "-3"]),
)
DATES = st.sampled_from(["2020-01-01", "2020-01-02", "2021-05-05", "1969-12-31", "", "NaN"])
WRONG_TIMES = st.sampled_from(["soon", "inf", "01/02/2020", "12:30"])
OPTIONS = st.fixed_dictionaries({
    "min_rating": st.sampled_from([None, None, 3]), "min_user": st.sampled_from([1, 1, 1, 2]),
    "min_item": st.sampled_from([1, 1, 1, 2]), "keep": st.sampled_from(["first", "last"]),
    "negatives": st.sampled_from([1, 1, 2]),
})  # fmt: skip


@st.composite
def logs(draw):
    """A table of texts, mostly sane; how it is written; and how it is to be prepared."""
    times = draw(st.sampled_from([NUMBERS, DATES, st.integers(0, 9).map(str)]))
    sane = st.tuples(st.sampled_from("abcd"), st.sampled_from("opqrstuvwxyz"), st.sampled_from("12345"), times)
    kinds = [sane, sane, st.tuples(IDS, IDS, RATINGS, times)]
    if draw(st.integers(0, 9)) == 0:
        kinds.append(st.tuples(IDS, IDS, st.one_of(RATINGS, WRONG_RATINGS), st.one_of(times, WRONG_TIMES)))
    least, most = draw(st.sampled_from([(0, 2), (4, 12), (15, 40), (15, 40), (15, 40)]))
    rows = draw(st.lists(st.one_of(kinds), min_size=least, max_size=most))
    if least:
        # Enough for a split, whatever else there is: most logs should have a right answer.
        core = [
            (user, item, "5", draw(st.integers(0, 9).map(str) if times is not DATES else DATES.filter(bool)))
            for user, item in ("ao", "ap", "ar", "bo", "bp", "cr", "cp", "cs")
        ]
        rows = draw(st.permutations(rows + core))
    one = draw(st.integers(0, 39))
    if one < 2:
        rows = [(*row[:one], "only", *row[one + 1 :]) for row in rows]
    # An id that begins with the byte order mark can't begin a file: there it is the mark.
    rows = [tuple(text.lstrip("\ufeff") for text in row) for row in rows[:1]] + rows[1:]
    form = draw(FORMS)
    return rows, form | {"days": form["days"] and times is DATES}, draw(OPTIONS)


def command(options):
    """Return the arguments that say what is kept."""
    arguments = ["--keep", options["keep"]]
    if options["min_rating"] is not None:
        arguments += ["--min_rating", str(options["min_rating"])]
    flags = (
        ("negatives", "negatives"),
        ("min_user_interactions", "min_user"),
        ("min_item_interactions", "min_item"),
    )
    return arguments + [word for flag, name in flags for word in (f"--{flag}", str(options[name]))]


def dataset_of(folder, capsys, parts, arguments, how="named"):
    """Prepare a log; return its dataset, or None if that ended in one sentence and left nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    files = [folder / f"parts/log-{n}.csv" for n in range(len(parts))]
    files[0].parent.mkdir(parents=True)
    for file, data in zip(files, parts, strict=True):
        file.write_bytes(data)
    paths = [str(folder / "parts")] if how == "directory" else list(map(str, files))
    with pytest.MonkeyPatch.context() as patched:
        if how == "stdin":
            paths = ["-"]
            patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(parts[0])))
        status = main([*paths, "--out", str(folder / "out/d"), *arguments])
    error = capsys.readouterr().err
    if status == 0:
        return read_dataset(folder / "out", "d")
    assert status == 2 and re.fullmatch("(Read .*\n)?(Note: .*\n)*error: .*Received: .*\n", error), error
    assert not any(word in error for word in LIBRARY_WORDS), error
    assert not list((folder / "out").glob("*")), "something half-written stayed"
    return None


def require_expected(folder, dataset, expected, negatives):
    """Compare the files with what was expected, through the raw ids."""
    users, items = dataset.user_ids, dataset.item_ids
    assert (users, items) == (expected.users, expected.items)
    train = {user: {} for user in expected.users}
    for line in (folder / "out/d.train.rating").read_text().splitlines():
        user, item, rating = line.split("\t")[:3]
        train[users[int(user)]][items[int(item)]] = float(rating)
    test = {users[user]: items[item] for user, item in zip(dataset.test_users, dataset.test_items, strict=True)}
    assert (train, test) == (expected.train, expected.test)
    for user, row in zip(dataset.test_users, dataset.test_negatives.tolist(), strict=True):
        seen = set(expected.train[users[user]]) | {expected.test[users[user]]}
        assert len(set(row)) == len(row) == negatives
        assert not seen & {items[index] for index in row}
    report = json.loads((folder / "out/d.json").read_text())
    assert (report["counts"]["rows"], sum(report["dropped"].values())) == (expected.rows, expected.dropped)
    untested = [user for user in expected.users if user not in expected.test]
    assert report["counts"]["users_without_test"] == len(untested)
    without_negatives = sum(len(expected.train[user]) > 1 for user in untested)
    assert report["counts"].get("users_without_negatives", 0) == without_negatives


def check(folder, capsys, rows, form, options):
    options = {**options, "min_rating": options["min_rating"] if form["rating"] else None}
    log = WrittenLog(rows, form)
    try:
        expected = slow_prepare(meant(rows, form), options, form["rating"], True)
    except Refused:
        expected = None
    dataset = dataset_of(folder, capsys, log.data, [*log.flags, *command(options)], form["how"])
    assert (dataset is None) == (expected is None)
    if expected is not None:
        require_expected(folder, dataset, expected, options["negatives"])


PROFILE = settings(suppress_health_check=[HealthCheck.too_slow])
EXAMPLES = pytest.mark.parametrize("examples", [60, pytest.param(10_000, marks=pytest.mark.slow)])


@EXAMPLES
def test_dirty_logs(tmp_path, capsys, examples):
    @settings(PROFILE, max_examples=examples)
    @given(logs())
    def try_one(log):
        check(tmp_path / "log", capsys, *log)

    try_one()


PIECES = st.sampled_from(
    [b"a", b"b", b"x", b"y", b"1", b"2", b"5", b",", b",", b",", b";", b"::", b"\t", b"|", b" ", b"\n", b"\n",
     b"\n", b"\r\n", b"\r", b'"', b"\\", b"\xef\xbb\xbf", b"\xff", b"\x00", b"\x1f", b"nan", b"user", b"item",
     b"\x1f\x8b", b"PAR1", b"a,x,5,1\n", b"a,y,5,2\n", b"b,x,4,1\n", b"b,z,3,3\n", b"2020-01-01",
     b"user,item,rating,timestamp\n", b"{", b"}", b"[", b"]", b":", b'{"user": "a", "item": 1}', b"BZh91AY&SY",
     b"\x28\xb5\x2f\xfd", b"\xff\xfe", b'{"user": {"id": 1}, "item": null, "rating": 2}\n', b"PK\x03\x04"]
)  # fmt: skip
BROKEN = st.lists(PIECES, max_size=25).map(b"".join)
FLAGS = st.lists(
    st.sampled_from(
        ["--no_timestamps", "--header=no", "--delimiter=::", "--user=1", "--item=2", "--format=json",
         "--format=text", "--encoding=latin-1", "--encoding=utf-16", "--quoting=none", "--quoting=csv",
         "--escape=\\", "--missing=a", "--time_format=%Y", "--user=user.id"]
    ),
    max_size=3,
)  # fmt: skip
# What no sentence may say: what a library calls its own.
LIBRARY_WORDS = ("Error", "Exception", "codec", "position", "C error", "tokeniz", "Traceback", "dtype", "0x7f")


@EXAMPLES
def test_broken_logs(tmp_path, capsys, examples):
    @settings(PROFILE, max_examples=examples)
    @given(BROKEN, FLAGS)
    @example(b"", [])
    @example(b"a,x,5,1\na,y,5,2\nb,z,4,1", [])
    def try_one(data, arguments):
        """No right answer is known, but what comes out must be whole."""
        dataset = dataset_of(tmp_path / "log", capsys, [data], ["--negatives", "1", *arguments])
        assert dataset is None or (dataset.num_test >= 1 and len(dataset.user_ids) == dataset.num_users)

    try_one()
