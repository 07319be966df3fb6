"""Logs as users of public data sets met them: each stands for a kind. Contents are made up."""

import gzip

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data.logs.doubts import notes_on
from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.reading import LONGEST_RECORD
from tests.data.logs.test_log import rows_of


def read(tmp_path, text, written_in="utf-8", name="log.csv", **options):
    """Return the rows, the layout, and the notes."""
    file = tmp_path / name
    file.write_bytes(text.encode(written_in))
    log = Log.of(file, LogOptions(**options))
    rows = log.read()
    return rows_of(rows), log.layouts[0], [*notes_on(rows, log.layouts[0])]


BOOKS = '"User-ID";"ISBN";"Book-Rating"\r\n"1";"0X";"0"\r\n"1";"é";"5"\r\n"2";"M-º";"7"\r\n'
BOOK_ROWS = [("1", "0X", 0.0), ("1", "é", 5.0), ("2", "M-º", 7.0)]


@pytest.mark.parametrize(("encoding", "flag"), [
    ("latin-1", "latin-1"), ("cp1252", "CP1252"), ("utf-8", None), ("utf-8-sig", None), ("utf-16", None),
    ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-32", None), ("utf-8-sig", "utf-8"),
])  # fmt: skip
def test_books_in_any_encoding(tmp_path, encoding, flag):
    rows, layout, notes = read(tmp_path, BOOKS, encoding, encoding=flag, no_timestamps=True)
    assert (rows, notes) == (BOOK_ROWS, [])
    # `Book-Rating` is found: zeros are no positives by chance.
    assert layout.in_words().startswith("text separated by ';'")
    assert layout.in_words().endswith(
        "with a header: user in column 1 (User-ID), item in column 2 (ISBN), rating in column 3 (Book-Rating), "
        "no timestamp"
    )


@pytest.mark.parametrize("kind", ["x", "0", "json"])
def test_ids_stay_texts_whatever_separates_them(tmp_path, kind):
    for user, item in (("117", "1e3"), ("+1", "7.1"), ("True", "false")):
        text, options = f"{user}{kind}{item}\n9{kind}9\n", {"delimiter": kind}
        if kind == "json":
            text, options = f'{{"user": "{user}", "item": "{item}"}}{{"user": "9", "item": "9"}}', {}
        assert read(tmp_path, text, no_timestamps=True, **options)[0] == [(user, item), ("9", "9")]


def test_a_number_that_is_declared_missing_leaves_integers_exact(tmp_path):
    text = f"a,x,5,{2**60 + 1}\na,y,4,{2**60 + 2}\nb,y,0,7\n"
    rows, _, _ = read(tmp_path, text, missing=("0", "1"))
    assert rows == [("a", "x", 5.0, 2**60 + 1), ("a", "y", 4.0, 2**60 + 2)]
    rows, _, _ = read(tmp_path, "a,x,5,8\nb,y,4,9\n", missing=("0",))
    assert [type(row[3]) for row in rows] == [int, int]


@pytest.mark.parametrize("delimiter", ["0123456789", "x", "abc0"])
def test_delimiters_of_digits_and_letters(tmp_path, delimiter):
    lines = [delimiter.join(row) for row in (("U", "I", "R"), ("V", "J", "S"))]
    rows, _, _ = read(tmp_path, "\n".join(lines), delimiter=delimiter, rating="none", no_timestamps=True)
    assert rows == [("U", "I"), ("V", "J")]


def test_an_encoding_that_is_none_or_another(tmp_path):
    with pytest.raises(InputError, match="line 3 must be text in UTF-8"):
        read(tmp_path, BOOKS, "latin-1", no_timestamps=True)
    with pytest.raises(InputError, match="must be text in ascii"):
        read(tmp_path, BOOKS, encoding="ascii", no_timestamps=True)
    for name in (
        "latin-17",
        "base64",
        "rot13",
        "idna",
        "undefined",
        "unicode_escape",
        "",
        "a\0b",
        "é",
        "utf-8\n",
    ):
        with pytest.raises(InputError, match=r"`encoding` must be the name of one, such as utf-8, latin-1"):
            LogOptions(encoding=name)


@pytest.mark.parametrize(("header", "found"), [
    ("user id,book rating,item id,view time", {"user": 0, "item": 2, "rating": 1, "timestamp": 3}),
    ("User-ID,ISBN,Book-Rating,viewTime", {"user": 0, "item": 1, "rating": 2, "timestamp": 3}),
    ("viewTime,homeUserId,movie_id,averageRating,rating", {"user": 1, "item": 2, "rating": 4, "timestamp": 0}),
    ("user_id,business_id,stars,date", {"user": 0, "item": 1, "rating": 2, "timestamp": 3}),
    ("user_id,track_id,artist_id,ts", {"user": 0, "item": 1, "timestamp": 3}),
    ("user_id,item_id,avg_rating,watch_time,time", {"user": 0, "item": 1, "timestamp": 4}),
    # Named by no word that is known for it, though a word of it is.
    ("user_id,item_id,rating_count,birth_date,time", {"user": 0, "item": 1, "timestamp": 4}),
])  # fmt: skip
def test_the_words_of_a_header_count(tmp_path, header, found):
    width = header.count(",") + 1
    _, layout, _ = read(tmp_path, f"{header}\n{','.join('12345'[:width])}\n")
    assert layout.positions == found


def test_two_columns_that_may_be_meant_are_asked_for(tmp_path):
    with pytest.raises(
        InputError, match=r"`rating` must say which column .* no flag, and book_rating, story_rating"
    ):
        read(tmp_path, "user,item,book_rating,story_rating,time\n1,2,3,4,5\n")


LISTENS = (
    'u1\t2010-02-03T21:10:11Z\tx\tThe Grey Lamps\tMorning\nu1\t2010-02-03T12:10:00Z\t\tOcean, "Loud\tOne\n'
    'u1\t2010-02-03T12:05:00Z\ty\tAnna Poe\t12" Mix\nu2\t2010-02-03T11:50:00Z\ty\tAnna Poe\t"Giants"\n'
    'u2\t2010-02-03T11:45:00Z\tx\tThe Grey Lamps\t"unclosed title\n'
)


@pytest.mark.parametrize("delimiter", ["\t", "::", "§"])
def test_quotation_marks_are_letters_between_tabs_and_long_delimiters(tmp_path, delimiter):
    text = LISTENS.replace("\t", delimiter)
    options = {"user": "1", "item": "3", "timestamp": "2", "rating": "none", "header": False}
    # One character that is no tab may have quotes around its fields.
    options |= {"delimiter": delimiter}
    rows, layout, _ = read(tmp_path, text, **options)
    assert [row[:2] for row in rows] == [("u1", "x"), ("u1", "y"), ("u2", "y"), ("u2", "x")]
    assert "quot" not in layout.how()
    with pytest.raises(InputError, match=r"`quoting` must be none where|with every quotation closed"):
        read(tmp_path, text, quoting="csv", **options)


@pytest.mark.parametrize(("text", "options", "rows"), [
    # All fields of the first line are quoted: then tabs have quotes.
    ('"user"\t"item"\n"a\tb"\t"x"\n"c"\t"y ""z"""\n', {}, [("a\tb", "x"), ("c", 'y "z"')]),
    ('"a"\t"x"\t5\n"b"\t"y"\t4\n', {"rating": "3"}, [("a", "x", 5.0), ("b", "y", 4.0)]),
    ('7\t"x"\t5\n8\t"y\t4\n', {"rating": "3"}, [("7", '"x"', 5.0), ("8", '"y', 4.0)]),
    ('user\titem\na\t"x"\nb\t"y""\n', {}, [("a", '"x"'), ("b", '"y""')]),
    # Or all of the first below a header.
    ('user\titem\trating\n"a"\t"x"\t"5"\n"b"\t"y\tz"\t"4"\n', {}, [("a", "x", 5.0), ("b", "y\tz", 4.0)]),
    ('"a"\t"x"\t5\n"b"\t"y"\t4\n', {"rating": "3"}, [("a", "x", 5.0), ("b", "y", 4.0)]),
    ('7\t"x"\t5\n8\t"y\t4\n', {"rating": "3"}, [("7", '"x"', 5.0), ("8", '"y', 4.0)]),
    ('user\titem\na\t"x"\nb\t"y"\n', {"quoting": "csv"}, [("a", "x"), ("b", "y")]),
    ('user,item\na,"x\nb,y"\n', {"quoting": "none"}, [("a", '"x'), ("b", 'y"')]),
    ('user;item\n"a\\"b";"x;\\\\"\nc;\\"y\n', {"escape": "\\"}, [('a"b', "x;\\"), ("c", '"y')]),
    ("user,item\na\\,b,x\nc,y\\\\\n", {"escape": "\\", "quoting": "none"}, [("a,b", "x"), ("c", "y\\")]),
    # What MySQL and PostgreSQL write for a missing value; a N and a text of two letters are others.
    ("\\N\tx\t5\na\t\\N\t4\nb\ty\t\\N\r\nN\t\\\\N\t3\n", {"escape": "\\", "rating": "3", "header": False},
     [("\\N", "x", 5.0), ("a", "\\N", 4.0), ("N", "\\N", 3.0)]),
    ("a::x::\\N\n\\N::y::5\n", {"escape": "\\", "rating": "3", "header": False}, [("\\N", "y", 5.0)]),
    ("user::item\na\\::b,x\n", {"escape": "\\", "delimiter": ","}, None),
])  # fmt: skip
def test_quoting_and_escapes(tmp_path, text, options, rows):
    if rows is None:
        with pytest.raises(InputError, match="`item` must name the column"):
            read(tmp_path, text, no_timestamps=True, **options)
        return
    assert read(tmp_path, text, no_timestamps=True, name="log", **options)[0] == rows


def test_a_missing_value_is_not_cut_between_blocks(tmp_path):
    rows = [(f"u{row}", "\\N") for row in range(200_000)]
    text = "".join(f"{user}\t{item}\n" for user, item in rows)
    assert read(tmp_path, text, no_timestamps=True, escape="\\")[0] == rows


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(tmp_path, encoding):
    for said in (None, "utf-16", encoding):
        rows, _, _ = read(tmp_path, "user,item\ncafé,x\nb,€\n", encoding, no_timestamps=True, encoding=said)
        assert rows == [("café", "x"), ("b", "€")]


@pytest.mark.parametrize("begin", ["sep=;\n", '"sep=;"\r\n', "\nsep=;\n\n"])
@pytest.mark.parametrize("header", ["user;item;rating\n", ""])
def test_the_line_with_which_excel_tells_its_delimiter(tmp_path, begin, header):
    rows, layout, _ = read(tmp_path, begin + header + "007;a,b;5\n8;c;4\n", no_timestamps=True)
    assert rows == [("007", "a,b", 5.0), ("8", "c", 4.0)]
    assert (layout.names is not None) is bool(header)


@pytest.mark.parametrize("escape", ["", "ab", '"', "\n", "é", "\0"])
def test_what_is_no_escape(escape):
    with pytest.raises(InputError, match="`escape` must be one ASCII character"):
        LogOptions(escape=escape)


def test_what_separates_columns_is_no_escape(tmp_path):
    with pytest.raises(InputError, match="`escape` must not be what separates the columns"):
        read(tmp_path, "a,x,1,2\n", escape=",")


COUNTS = "0,11,3101,4404\n1,4,3202,4505\n2,1,3101,4606\n3,1,3303,4707\n4,25,3202,88\n"


def test_a_guess_by_place_that_the_contents_contradict_is_said(tmp_path):
    _, layout, notes = read(tmp_path, COUNTS)
    assert layout.in_words() == (
        "text separated by commas, without a header: user in column 1, item in column 2, rating in column 3, "
        "timestamp in column 4"
    )
    assert notes == [
        "column 1, taken for the user by its place alone, holds another number in each row (`--user` names "
        "another)"
    ]
    assert read(tmp_path, COUNTS, user="3", item="4", rating="2", no_timestamps=True)[2] == []
    times = "".join(f"{1262304000 + 7 * n},{n % 2},{n},5\n" for n in range(6))
    assert (
        "column 1, taken for the user by its place alone, looks like times, such as 1262304000"
        in (read(tmp_path, times, no_timestamps=True)[2][0])
    )
    dates = "".join(f"a{n % 2},2020-01-0{n + 1} 10:00:00,5,x{n}\n" for n in range(6))
    assert "column 2, taken for the item by" in read(tmp_path, dates, no_timestamps=True)[2][0]
    late = "".join(f"a{n % 2},x{n},{1262304000 + n}\n" for n in range(6))
    assert "column 3, taken for the rating" in read(tmp_path, late, no_timestamps=True)[2][0]
    assert read(tmp_path, late, timestamp="3")[2] == []


BOOKINGS = "booking_id,deal_id,day\n510,71,1\n510,72,2\n511,NULL,3\nNULL,73,4\n511,71,5\n511,73,6\n"


def test_an_id_that_says_null_is_noted_or_dropped(tmp_path):
    named = {"user": "booking_id", "item": "deal_id", "timestamp": "day"}
    rows, _, notes = read(tmp_path, BOOKINGS, **named)
    assert ("511", "NULL", 3) in rows and ("NULL", "73", 4) in rows
    assert notes == [
        "1 row(s) have NULL as their user, which is taken for an id (`--missing 'NULL'` drops them)",
        "1 row(s) have NULL as their item, which is taken for an id (`--missing 'NULL'` drops them)",
    ]
    rows, _, notes = read(tmp_path, BOOKINGS, missing=("NULL",), **named)
    assert rows == [("510", "71", 1), ("510", "72", 2), ("511", "71", 5), ("511", "73", 6)]
    assert notes == []


ORDERS = (
    'TRANSACTION_DT,CUSTOMER_ID,PRODUCT_ID\n"11/1/2005",0020,88\n"11/13/2005",0021,89\n"1/5/2006",0020,90\n'
)


def test_blank_lines_without_end_are_no_table(tmp_path):
    (tmp_path / "log").write_bytes(b"\n" * (LONGEST_RECORD + 2))
    with pytest.raises(InputError, match="must begin with a line of a table"):
        Log.of(tmp_path / "log")


def test_ids_in_quotation_marks_that_were_taken_for_letters_are_noted(tmp_path):
    text = 'user\titem\ttimestamp\n"u"\tb\t2\n"u"\t"a"\t1\n'
    rows, _, notes = read(tmp_path, text)
    assert rows == [('"u"', "b", 2), ('"u"', '"a"', 1)]
    assert notes == [
        'the ids of the user stand in quotation marks, which are taken for letters, such as "u" '
        "(`--quoting csv` takes them off)"
    ]
    rows, _, notes = read(tmp_path, text, quoting="csv")
    assert (rows, notes) == ([("u", "b", 2), ("u", "a", 1)], [])


def test_lone_quotes_that_swallow_rows_are_noted(tmp_path):
    rows, _, notes = read(tmp_path, 'a,"x,5,1\nb,y",5,2\nb,z,4,3\n')
    assert [row[:2] for row in rows] == [("a", "x,5,1\nb,y"), ("b", "z")]
    assert len(notes) == 1 and notes[0].startswith("1 id(s) of the item hold the end of a line, such as x,5,1")
    assert "--quoting none" in notes[0]
    lines = "".join(f'{{"user": {n}, "item": "a\\nb", "timestamp": 1}}\n' for n in range(2))
    _, _, notes = read(tmp_path, lines)
    assert notes == ["1 id(s) of the item hold the end of a line, such as a\\nb"]


@pytest.mark.parametrize(("begin", "called"), [
    (b"7z\xbc\xaf'\x1c", "a 7z archive"), (b"SQLite format 3\0", "an SQLite database"), (b"ORC", "an ORC file"),
    (b"ARROW1\0\0", "an Arrow file"), (b"\x80\x04\x95\0\0", "a Python pickle"), (b"\x93NUMPY\x01", "a NumPy"),
    (b"<!DOCTYPE html><html>", "a web page"), (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    (b"\xfd7zXZ\0\0", "`xz -dc FILE "), (b"\0" * 257 + b"ustar\x0000", "`tar -xOf FILE MEMBER "),
    (gzip.compress(b"\0" * 257 + b"ustar\x0000", mtime=0), "a tar archive"),
])  # fmt: skip
def test_what_is_no_log_is_told_by_name(tmp_path, begin, called):
    file = tmp_path / "log"
    file.write_bytes(begin)
    with pytest.raises(
        InputError, match=f"must be text, JSON or Parquet, as it is or packed. Received: .*{called}"
    ):
        Log.of(file)


def test_american_dates(tmp_path):
    with pytest.raises(
        InputError, match=r"line 2 must have .* \(`time_format` says another form, such as '%m/%d/%Y'\)"
    ):
        read(tmp_path, ORDERS, timestamp="TRANSACTION_DT")
    rows, _, _ = read(tmp_path, ORDERS, timestamp="TRANSACTION_DT", time_format="%m/%d/%Y")
    assert [row[:2] for row in rows] == [("0020", "88"), ("0021", "89"), ("0020", "90")]
    file = tmp_path / "log.csv"
    log = Log.of(file, LogOptions(timestamp="TRANSACTION_DT", time_format="%m/%d/%Y")).read()
    days = np.array(["2005-11-01", "2005-11-13", "2006-01-05"], "M8[D]")
    assert (log.frame["timestamp"].to_numpy().astype("M8[D]") == days).all()
