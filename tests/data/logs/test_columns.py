from pathlib import Path

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data.logs.columns import find_columns, has_header
from ncf_keras.data.logs.dialect import guess_delimiter
from ncf_keras.data.logs.options import LogOptions


@pytest.mark.parametrize(("line", "name", "delimiter"), [
    ("1::1193::5::978300760", "ratings.dat", "::"),
    ("196\t242\t3\t881250949", "u.data", "\t"),
    ("1,2,3.5,2021-03-01 10:00:00", "log.txt", ","),
    ("1;2;3,5;10", "log.txt", ";"),
    ('"a,b";"c,d";5', "log.csv.gz", ";"),
    ("1|Toy Story (1995)|01-Jan-1995||http://x", "u.item", "|"),
    ("1 2 5 123", "edges.txt", " "),
    ("1::Sleepless in Paris, Rome, Nice and Ulm::Drama", "movies.dat.gz", "::"),
    ("1\tThe Long Title Of It, And More", "titles.tsv", "\t"),
])  # fmt: skip
def test_guess_delimiter(line, name, delimiter):
    assert guess_delimiter(line, Path(name)) == delimiter


@pytest.mark.parametrize(("first", "second", "columns", "header"), [
    ("userId,movieId,rating,timestamp", "1,2,3,4", {}, True),
    ("user_id:token,item_id:token", "a,b", {}, True),
    ("visitor,thing", "a,b", {}, False),
    ("visitor,thing", "a,b", {"user": "visitor"}, True),
    ("u,i,r,t", "a,b,5,100", {}, True),
    ("a,b,5,100", "a,c,4,101", {}, False),
    ("a,b,,100", "a,c,4,101", {}, False),
    ("a,b,oops,100", "a,c,4,101", {}, False),
    ("a,b,,2020-01-01", "7,8,5,2020-01-01", {}, False),
    ("t,u,i", "100,a,b", {"user": "2", "item": "3", "timestamp": "1"}, True),
    ("Kunde,Artikel,Note,Datum", "a,b,gut,1.12.2024", {}, True),
    ("a,b,1 Jan 2024,1.12.2024", "a,c,4,1.12.2024", {"rating": "none"}, False),
    ("a,b,\\N,\\N", "a,c,4,101", {}, False),
    ("user,date", "user,date", {"user": "1", "item": "2"}, True),
    ("alice,date", "bob,fig", {}, False),
    ("a,b,oops", "a,b,5", {"rating": "9" * 5000}, True),
    ("a,b,5", "a,b,5", {"rating": "²", "timestamp": "00000000003"}, False),
])  # fmt: skip
def test_has_header(first, second, columns, header):
    assert has_header(first.split(","), second.split(","), LogOptions(**columns)) is header


@pytest.mark.parametrize(("names", "width", "flags", "found"), [
    (None, 4, {}, {"user": 0, "item": 1, "rating": 2, "timestamp": 3}),
    (None, 2, {}, {"user": 0, "item": 1}),
    (None, 3, {"timestamp": "3"}, {"user": 0, "item": 1, "timestamp": 2}),
    (None, 4, {"user": "2", "item": "1"}, {"user": 1, "item": 0, "rating": 2, "timestamp": 3}),
    (None, 4, {"rating": "none"}, {"user": 0, "item": 1, "timestamp": 3}),
    ("timestamp,movieId,userId", 3, {}, {"user": 2, "item": 1, "timestamp": 0}),
    ("user_id:token,item_id:token,r", 3, {"rating": "r"}, {"user": 0, "item": 1, "rating": 2}),
    ("a,b,c", 3, {"user": "c", "item": "1"}, {"user": 2, "item": 0}),
    ("user,item,user", 3, {"user": "3", "item": "item"}, {"user": 2, "item": 1}),
])  # fmt: skip
def test_find_columns(names, width, flags, found):
    assert find_columns("log.csv", names and names.split(","), width, LogOptions(**flags)).positions == found


@pytest.mark.parametrize(("names", "width", "flags", "message"), [
    ("a,b,c", 3, {}, "`user` must name the column of log.csv with the user ids .*the columns a, b, c"),
    (None, 1, {}, r"`item` must name the column .*1 column\(s\) and no header"),
    (None, 3, {"user": "4"}, "`user` must be a column number of log.csv from 1 to 3. Received: 4"),
    (None, 3, {"delimiter": ""}, "`delimiter` must be one or more characters"),
    (None, 3, {"delimiter": "\0"}, "`delimiter` must be one or more characters"),
    (None, 3, {"user": "00000000002"}, "from 1 to 3. Received: 00000000002"),
    (None, 3, {"user": "9" * 5000}, f"Received: {'9' * 40}, where the file is read as text$"),
    ("\x1b]0;x\x07" + "n" * 90, 1, {}, rf"the columns \\x1b]0;x\\x07{'n' * 34}, read as text$"),
    (None, 3, {"item": "none"}, "`item` must name a column"),
    (None, 3, {"user": "0"}, "`user` must be a column number"),
    (None, 3, {"item": "thing"}, "`item` must be a column number"),
    ("user,item", 2, {"rating": "stars"}, "`rating` must be one of user, item or a column number"),
    ("user,item,user", 3, {"user": "user"}, "`user` must name one column .* 2 columns"),
    ("user,userId,item", 3, {}, "`user` must say which column of log.csv it is. .*user, userId"),
    ("user,item", 2, {"user": "item", "item": "item"}, r"each have one role\. Received: user 2, item 2"),
])  # fmt: skip
def test_columns_that_cannot_be_found(names, width, flags, message):
    with pytest.raises(InputError, match=message):
        find_columns("log.csv", names and names.split(","), width, LogOptions(**flags))
