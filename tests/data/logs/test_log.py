import gzip
import hashlib
import io
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import LONGEST_ID
from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.reading import ParserText, open_text
from ncf_keras.data.tidy_log import encode

ROWS = [("007", "x y", 5.0, 100), ("alice", "2", 3.5, 99), ("007", "2", 1.0, 101)]


def read(file, on_read=lambda position: None, **options):
    """Return the rows of a log and where its columns were found."""
    log = Log.of(file, LogOptions(**options))
    return log.read(on_read), log.layouts[0]


def rows_of(log):
    frame = log.frame
    users, items = log.user_ids[frame["user"]], log.item_ids[frame["item"]]
    return list(zip(users, items, *(frame[name].tolist() for name in frame.columns[2:]), strict=True))


def write(tmp_path, text, name="log.csv"):
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(("name", "text", "columns"), [
    ("ratings.dat", "007::x y::5::100\nalice::2::3.5::99\n007::2::1::101\n", {}),
    ("u.data", "007\tx y\t5\t100\nalice\t2\t3.5\t99\n007\t2\t1\t101", {"delimiter": "tab"}),
    ("a.csv", "userId,movieId,rating,timestamp\n007,x y,5,100\nalice,2,3.5,99\n007,2,1,101\n", {}),
    ("a.txt", "t;who;what;r\n100;007;x y;5\n99;alice;2;3.5\n101;007;2;1\n",
     {"user": "who", "item": "what", "rating": "r", "timestamp": "t"}),
    ("a.txt", "100|a|007|x y|5\n99|b|alice|2|3.5\n101|c|007|2|1\n",
     {"user": "3", "item": "4", "rating": "5", "timestamp": "1"}),
    ("a.txt", "007§x y§5§100\nalice§2§3.5§99\n007§2§1§101\n", {"delimiter": "§"}),
    ("a.txt", "007\x01x y\x015\x01100\nalice\x012\x013.5\x0199\n007\x012\x011\x01101\n", {"delimiter": "\x01"}),
    ("a.txt", "007#!#x y#!#5#!#100\nalice#!#2#!#3.5#!#99\n007#!#2#!#1#!#101\n", {"delimiter": "#!#"}),
    ("a.txt", "﻿user,item,rating,time\r\n\r\n007,x y,5,100\r\nalice,2,3.5,99\r\n\r\n007,2,1,101\r\n", {}),
    ("a.csv", '"user","item","rating","ts","text"\n"007","x y","5","100","a\nb,"\n"alice",2,3.5,99,""""\n'
     '007,2,1,101,5" wide\n', {}),
    ("a.csv", "\n\nu1,i1,r,t\n007,x y,5,100\nalice,2,3.5,99\n007,2,1,101\n",
     {"header": True, "user": "1", "item": "2", "rating": "3", "timestamp": "4"}),
    ("a.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n007\tx y\t5\t100\n"
     "alice\t2\t3.5\t99\n007\t2\t1\t101\n", {"delimiter": "\\t"}),
    ("a.csv", " 007 ,x y , 5,100\nalice, 2,3.5 ,99\n007,2,1, 101\n", {}),
])  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_the_same_log_in_many_formats(tmp_path, name, text, columns, packed):
    data = gzip.compress(text.encode()) if packed else text
    file = write(tmp_path, data, name + (".gz" if packed else ""))
    log, layout = read(file, **columns)
    assert (rows_of(log), log.rows, sum(log.missing.values())) == (ROWS, 3, 0)
    assert list(layout.positions) == ["user", "item", "rating", "timestamp"]


def test_a_log_without_a_timestamp_column_is_told_the_two_ways_on(tmp_path):
    clicks = write(tmp_path, "alice,NA\nbob,null\n")
    assert rows_of(read(clicks, no_timestamps=True)[0]) == [("alice", "NA"), ("bob", "null")]
    file = write(tmp_path, "alice,book,5\nbob,book,4\n")
    with pytest.raises(InputError, match=r"`timestamp` must name .* or `no_timestamps`.*3 columns"):
        read(file)
    assert "timestamp" not in read(file, no_timestamps=True)[0].frame
    assert read(file, timestamp="3")[0].frame["timestamp"].tolist() == [5, 4]


def test_rows_that_lack_a_value_are_counted_under_the_first(tmp_path):
    text = "a,x,5,1\n,,,\n,y,5,2\nb,,5,3\nc,z,,4\nd,z,NaN,4\ne,z,null,\nf,z,5,\ng,z,5,none\nh\n"
    log, _ = read(write(tmp_path, text))
    assert rows_of(log) == [("a", "x", 5.0, 1)]
    assert (log.missing, log.rows) == ({"user": 2, "item": 2, "rating": 3, "timestamp": 2}, 10)


@pytest.mark.parametrize(("texts", "expected"), [
    (["1700000000000000001", "", "1700000000000000002"], [1700000000000000001, 1700000000000000002]),
    (["18446744073709551615", "7"], [18446744073709551615, 7]),
    (["1.5", "2"], [1.5, 2.0]),
    (["9007199254740993.0", "1"], [9007199254740992.0, 1.0]),
    (["-5", "0"], [-5, 0]),
])  # fmt: skip
def test_timestamps_are_exact(tmp_path, texts, expected):
    log, _ = read(write(tmp_path, "".join(f"u{n},i,1,{text}\n" for n, text in enumerate(texts))))
    assert log.frame["timestamp"].tolist() == expected


def test_dates_are_compared_in_utc_to_the_last_digit(tmp_path):
    dates = ["2021-03-01T12:00:00.000000001Z", "2021-03-01 13:00:00+01:00", "2021-03-01", "NaT-less", ""]
    lines = [f"u{n},i,1,{date}\n" for n, date in enumerate(dates)]
    log, _ = read(write(tmp_path, "".join(lines[:3] + lines[4:])))
    assert log.missing["timestamp"] == 1
    expected = np.array(["2021-03-01T12:00:00.000000001", "2021-03-01T12", "2021-03-01"], "M8[ns]")
    assert (log.frame["timestamp"].to_numpy() == expected).all()
    with pytest.raises(InputError, match=r"line 4 must have a number or an ISO 8601 date.*'NaT-less'"):
        read(write(tmp_path, "".join(lines)))


@pytest.mark.parametrize(("text", "message"), [
    ("", "at least one interaction. Received: an empty file"),
    ("\n\n\r\n", "an empty file"),
    ("user,item,timestamp\n", "a header alone"),
    ("a,x,5,1\nb,y,five,2\n", "line 2 must have a finite number for the rating. Received: 'five'"),
    ("a,x,5,1\n\n\nb,y,inf,2\n", "line 4 must have a finite number for the rating. Received: 'inf'"),
    ('a,"x\nz",5,1\nb,y,"1,5",2\n',
     "line 3 must have a finite number for the rating, with a point before its decimals. Received: '1,5'"),
    (f"a,x,{10**400},1\nb,y,1_000,2\n", "line 1 must have a finite number for the rating. Received: '1000"),
    ("a,x,1e400,1\nb,y,1e39,2\n", "line 1 must have a finite number for the rating. Received: '1e400'"),
    (f"a,x,1,1\nb,y,1e39,{10**400}\n", "line 2 must have a number or an ISO 8601 date .*: '1000"),
    ("a,x,5,1\nb,y,4,soon\n", "line 2 must have a number or an ISO 8601 date for the timestamp"),
    ("a,x,5,soon\nb,y,4,2\n", "line 1 must have a number or an ISO 8601 date for the timestamp"),
    ("a,x,5,2020-01-01\nb,y,4,2\n", "line 2 must have a number or an ISO 8601 date for the timestamp"),
    ("a,x,5,1\nb,y,4,2,oops\n", "line 2 must have as many columns as the first, 4 .* Received: 5, read as "),
    ("user,item,rating,time\na,x,5,1,9\n", r"line 2 must have as many columns as the header, 4 \("),
    ('a,x,5,1\nb,"y,4,2\nc,z,3,3\n', "every quotation closed"),
    (b"a,x,5,1\nb,caf\xe9,4,2\n",
     r"line 2 must be text in UTF-8 \(`encoding` names .*latin-1, .*Received: the byte 0xE9"),
    (b"\xff\xfea\x00,\x00b", "must be text in UTF-16-LE"),
    # The csv module of Python 3.10 finds it first, and doesn't say where.
    ("a,x,5,1\nb,y\0,4,2\n", r"line 2 must be text in UTF-8 .* the control .* U\+0000|contains NUL"),
    ("a::x::5::1\nb::y\0::4::2\n", r"line 2 must be text in UTF-8 .* the control .* U\+0000"),
    ("a::x::5::1\nb::y\x1f::4::2\n", r"line 2 must be text in UTF-8 .* the control .* U\+001F"),
    ("a,,5,1\n,x,4,2\n", "at least one complete interaction. Received: 1 without user, 1 without item"),
    ("alone\nalone\n", "`item` must name the column"),
    (b"PK\x03\x04rest", "a zip archive; unpack it, as in `unzip"),
    (gzip.compress(b"a,x,5,1\nb,y,4,2\n" * 999, mtime=0)[:60], "can be read to its end"),
    (b"\x1f\x8bjunk", "can be read to its end"),
    (b"PAR1junk", "can be read to its end|needs pyarrow"),
    ("a," + "x" * 20_000 + ",5,1\n", "at most 10,000 characters"),
    ("a," + "x" * 140_000 + ",5,1\n", "must begin with a line of a table"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, text, message):
    file = write(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        read(file)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value) or "`" in str(caught.value)
    with pytest.raises(InputError, match="The log must be a regular file"):
        read(tmp_path)


def test_a_number_of_many_digits_stops_no_reader_and_warns_of_nothing(tmp_path):
    text = f"a,x,1e39,{2**63}\nb,y,1e-400,-1e300\na,y,{10**300},0\n"
    log, _ = read(write(tmp_path, text))
    assert log.frame["rating"].tolist() == [1e39, 0, 1e300]
    # Before 3.0, pandas may read the last of its digits one off.
    assert log.frame["timestamp"].tolist() == pytest.approx([2.0**63, -1e300, 0], rel=1e-15)


def test_long_delimiters_are_never_cut_between_blocks(tmp_path):
    text = "".join(f"u{':' * (n % 2)}{n}::i{n}::5::{n}\n" for n in range(500))
    file = write(tmp_path, text, "log.dat")
    expected = [tuple(line.split("::")[:2]) for line in text.splitlines()]
    for size in (1, 2, 7, 10_000):
        with open_text(file) as source:
            reader = ParserText(source, "::")
            joined = "".join(iter(lambda: reader.read(size), ""))  # noqa: B023
            assert [tuple(line.split("\x1f")[:2]) for line in joined.splitlines()] == expected
    assert [row[:2] for row in rows_of(read(file)[0])] == expected


def test_progress_ends_at_the_size_of_the_file(tmp_path):
    for data in (b"a,x,5,1\n" * 100_000, gzip.compress(b"a,x,5,1\n" * 100_000)):
        file = write(tmp_path, data)
        seen = []
        read(file, on_read=seen.append)
        assert seen == sorted(seen) and seen[-1] == len(data)
    assert len(seen) < 20


def test_describe_source(tmp_path):
    file = write(tmp_path, "user,item,ts\na,x,1\n")
    log = Log.of(file)
    named = {"name": "log.csv", "sha256": hashlib.sha256(b"user,item,ts\na,x,1\n").hexdigest()}
    columns = {"user": "column 1 (user)", "item": "column 2 (item)", "timestamp": "column 3 (ts)"}
    said = {"format": "text", "delimiter": ",", "header": True, "quoted": True, "escape": None}
    assert log.source(file) == named | said | {"columns": columns, "titles": named}


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", exc_type=ImportError)
    users = pd.array([2**60 + 1, None, 7], dtype="Int64")
    frame = pd.DataFrame({"when": pd.to_datetime(["2021-01-02", None, "2021-01-01"]), "userId": users,
                          "item": ["x", "007", "x"], "rating": [5, 4, 3], "text": ["long"] * 3})  # fmt: skip
    file = tmp_path / "log.parquet"
    frame.to_parquet(file)
    log, layout = read(file, timestamp="when")
    assert (list(log.user_ids), list(log.item_ids)) == ([str(2**60 + 1), "7"], ["x", "007"])
    assert log.missing == {"user": 1, "item": 0, "rating": 0, "timestamp": 0}
    days = log.frame["timestamp"].to_numpy().astype("M8[D]").astype(str)
    assert days.tolist() == ["2021-01-02", "2021-01-01"]
    said = layout.describe()
    assert (said["delimiter"], said["header"], said["columns"]["item"]) == (None, True, "column 3 (item)")
    with pytest.raises(InputError, match="`delimiter` must be left out for Parquet"):
        read(file, delimiter=",")
    bad = tmp_path / "bad.parquet"
    frame.assign(rating=["5", "x", "3"]).to_parquet(bad)
    with pytest.raises(InputError, match="row 2 must have a finite number"):
        read(bad, timestamp="when")


def test_parquet_of_columns_within_columns_and_of_one_name(tmp_path):
    """As BigQuery exports them; pyarrow writes two columns of one name."""
    pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError)
    users = pyarrow.array([{"id": 2**60 + 1, "at": {"city": "x"}}, None, {"id": None, "at": None}, {"id": 7}])
    columns = [users, pyarrow.array([[1]] * 4), pyarrow.array(["a"] * 4), pyarrow.array(["b"] * 4)]
    table = pyarrow.table([*columns, pyarrow.array(range(4))], ["user", "list", "sku", "sku", "ts"])
    parquet.write_table(table, tmp_path / "log.parquet")
    log, layout = read(tmp_path / "log.parquet", user="user.id", item="5")
    assert (list(log.user_ids), list(log.item_ids)) == ([str(2**60 + 1), "7"], ["b"])
    assert layout.names == ("user.id", "user.at.city", "list", "sku", "sku", "ts")
    assert log.missing["user"] == 2
    log, _ = read(tmp_path / "log.parquet", user="user.at.city", item="4")
    assert (list(log.user_ids), list(log.item_ids)) == (["x"], ["a"])
    with pytest.raises(InputError, match="the name of 2 columns; give its number"):
        read(tmp_path / "log.parquet", user="user.id", item="sku")
    with pytest.raises(InputError, match=r"`user` must be one of user\.id, user\.at\.city, list, "):
        read(tmp_path / "log.parquet", user="user", item="5")


def test_parquet_with_text_that_is_not_utf8_or_integers_of_no_known_size_is_refused(tmp_path):
    """Found by tests/fuzz: pyarrow's errors are one of its own and a NotImplementedError."""
    parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError)
    file = tmp_path / "log.parquet"
    pd.DataFrame({"user": ["alice"], "item": [1], "timestamp": [5]}).to_parquet(file, compression=None)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"alice", b"\x80lice"))
    with pytest.raises(InputError, match=r"log\.parquet"):
        read(file)
    for place in range(content.index(b"ARROW:schema") + len("ARROW:schema"), len(content) - 8):
        damaged = content[:place] + b"A" + content[place + 1 :]
        try:
            parquet.read_schema(io.BytesIO(damaged))
        except NotImplementedError:
            break
        except (OSError, ValueError):
            pass
    file.write_bytes(damaged)
    with pytest.raises(NotImplementedError):
        parquet.read_schema(file)
    rule = r"log\.parquet must be a file that can be read to its end. Received: a damaged Parquet file, or one"
    with pytest.raises(InputError, match=rule):
        read(file)


def test_parquet_with_a_time_zone_that_is_none_is_refused(tmp_path):
    """Where pandas brings pytz, it raises a KeyError."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet", exc_type=ImportError)
    times = pa.array([5], pa.timestamp("us", "Nowhere/None"))
    parquet.write_table(pa.table([["u"], ["i"], times], ["user", "item", "time"]), tmp_path / "log.parquet")
    with pytest.raises(InputError, match=r"log\.parquet must be a file that can be read to its end"):
        read(tmp_path / "log.parquet")


def test_columns_of_one_name_are_told_by_their_number(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = [["a", "b"], [1, 2], [3, 4], [5, 6], [9, 8]]
    table = pyarrow.table(columns, ["user", "item", "item", "a.b", "timestamp"])
    parquet.write_table(table, tmp_path / "log")
    for number, items in (("2", ["1", "2"]), ("3", ["3", "4"]), ("a.b", ["5", "6"])):
        log, _ = read(tmp_path / "log", item=number)
        assert [row[:2] for row in rows_of(log)] == list(zip("ab", items, strict=True))
    with pytest.raises(InputError, match=r"`item` must name one column .* of 2 columns; give its number"):
        read(tmp_path / "log", item="item")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"pip install 'ncf-keras\[parquet\]'"):
        read(write(tmp_path, b"PAR1...."))


@given(st.lists(st.text(max_size=4).filter(lambda text: "\0" not in text), max_size=40))
def test_ids_are_numbered_in_order_of_first_appearance(values):
    index_of = {}
    expected = [index_of.setdefault(v.strip(), len(index_of)) if v.strip() else -1 for v in values]
    for series in (pd.Series(values, dtype=object), pd.Series(values, dtype=object).astype("category")):
        indices, ids = encode(series, "user")
        assert (indices.tolist(), indices.dtype, list(ids)) == (expected, np.int32, list(index_of))


@pytest.mark.parametrize(("values", "texts"), [
    (["007", "7", "7 "], ["007", "7", "7"]),
    ([7, 10**30, -1], ["7", str(10**30), "-1"]),
    ([1.0, np.nan, 2.0], ["1", None, "2"]),
    ([1.5, 2.0**60], ["1.5", "1.152921504606847e+18"]),
    ([None, pd.NA, pd.NaT, "", "  ", "NA", "nan", "null"], [None] * 5 + ["NA", "nan", "null"]),
    ([b"caf\xc3\xa9", True], ["café", "True"]),
])  # fmt: skip
def test_ids_are_texts_as_they_print(values, texts):
    dtype = float if all(isinstance(value, float) for value in values) else object
    indices, ids = encode(pd.Series(values, dtype=dtype), "user")
    assert [None if index < 0 else ids[index] for index in indices] == texts


@pytest.mark.parametrize(("value", "message"), [
    ([1], "`item` must be a column of single values"),
    ("a\0b", "`item` must hold ids without NUL characters"),
    ("a" * (LONGEST_ID + 1), "at most 10,000 characters"),
])  # fmt: skip
def test_what_is_no_id(value, message):
    with pytest.raises(InputError, match=message):
        encode(pd.Series([value, value]), "item")
    assert encode(pd.Series(["a" * LONGEST_ID]), "item")[1] == ["a" * LONGEST_ID]
