import gzip

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data.titles import read_titles, titles_of


@pytest.mark.parametrize(("name", "text"), [
    ("movies.dat", "1::Toy Story (1995)::Fun\n73::Misérables, Les::Drama\n2::5\" of \"Snow\"::X\n"),
    ("u.item", "1|Toy Story (1995)|01-Jan-1995||http\n73|Misérables, Les|02|\n2|5\" of \"Snow\"|||\n"),
    ("movies.csv", 'movieId,title,genres\n1,Toy Story (1995),F\n73,"Misérables, Les",D\n'
     '2,"5"" of ""Snow""",X\n'),
    ("items.tsv", "item_id:token\trelease_year:token\tmovie_title:token_seq\n1\t1995\tToy Story (1995)\n"
     "73\t1\tMisérables, Les\n2\t2\t5\" of \"Snow\"\n"),
    ("items.tsv", '"id"\t"name"\n"1"\t"Toy Story (1995)"\n"73"\t"Misérables, Les"\n'
     '"2"\t"5"" of ""Snow"""\n'),
    ("items.txt", "﻿1;Toy Story (1995)\r\n\r\n73;Misérables, Les\r\n2;\"5\"\" of \"\"Snow\"\"\"\r\n"
     "1;again\r\n9"),
])  # fmt: skip
@pytest.mark.parametrize("coding", ["utf-8", "latin-1", "utf-16", "gzip"])
def test_the_same_titles_in_many_formats(tmp_path, name, text, coding):
    data = text.encode() if coding == "gzip" else text.removeprefix("﻿").encode(coding)
    file = tmp_path / name
    file.write_bytes(gzip.compress(data) if coding == "gzip" else data)
    titles = read_titles(file)
    wanted = {"1": "Toy Story (1995)", "73": "Misérables, Les", "2": '5" of "Snow"'}
    assert {item: titles[item] for item in wanted} == wanted
    assert titles_of(["73", "5", "1"], titles) == ["Misérables, Les", "", "Toy Story (1995)"]


@pytest.mark.parametrize(("data", "message"), [
    (b"", r"item id in its first column .* 0 column\(s\)"),
    (b"alone\n", r"1 column\(s\)"),
    (b"1," + b"x" * 140_000, "must be a table of ids and titles. Received: a field of more than 131,072 char"),
    (gzip.compress(b"1,a\n" * 999, mtime=0)[:40], "can be read to its end"),
])  # fmt: skip
def test_what_is_no_title_file(tmp_path, data, message):
    file = tmp_path / "titles.txt"
    file.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_titles(file)
    with pytest.raises(InputError, match="`titles` must be a regular file"):
        read_titles(tmp_path)
    with pytest.raises(InputError, match="ids such as 1, where the log has B0, B1"):
        titles_of(["B0", "B1"], {"1": "one"})


RECORDS = (
    '{"title": "Toy \\"Story\\"", "details": {"title": "x"}, "parent_asin": "B01", "asin": "no"}\n'
    '{"parent_asin": 7, "title": " Seven\\nlines "}\n{"parent_asin": "B03"}\n{"title": "no id"}\n'
    '{"parent_asin": "B04", "title": null}\n{"parent_asin": null, "title": "no id"}\n'
    '{"parent_asin": "B01", "title": "again"}\n{"title": "Mis\u00e9rables", "asin": "B05"}\n'
    '{"title": "half \\ud83d", "asin": "B06"}\n'
)


@pytest.mark.parametrize("text", [RECORDS, "[" + RECORDS.replace("}\n", "},")[:-1] + "]"])
@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_records_of_json(tmp_path, text, coding):
    """The key of the log goes before one that is known; the outermost title counts."""
    (tmp_path / "titles").write_bytes(text.encode(coding))
    titles = {"B01": 'Toy "Story"', "7": "Seven\nlines", "B05": "Mis\u00e9rables", "B06": "half ?"}
    assert read_titles(tmp_path / "titles", "parent_asin") == titles
    (tmp_path / "titles").write_text(
        '{"business_id": "b", "name": "B"}\n{"book_id": "c", "isbn": "d", "name": "C"}\n'
    )
    assert read_titles(tmp_path / "titles", "business_id") == {"b": "B", "c": "C"}


@pytest.mark.parametrize(("text", "message"), [
    ('{"item": "a", "text": "b"}\n', "must have records with the id of an item and its title.* Received: none"),
    ('{"item": "a", "title": "b"}\n{"item": ', "line 2 must be a JSON object"),
    ("{u'item': u'a', u'title': u'b'}\n", "line 1 must be a JSON object.*as Python writes it"),
])  # fmt: skip
def test_records_without_titles(tmp_path, text, message):
    (tmp_path / "titles").write_text(text)
    with pytest.raises(InputError, match=message):
        read_titles(tmp_path / "titles")


def test_a_character_that_escapes(tmp_path):
    (tmp_path / "titles.csv").write_text('"1";"A \\"b\\"; c";"x"\n"2";"d"\n')
    assert read_titles(tmp_path / "titles.csv", escape="\\") == {"1": 'A "b"; c', "2": "d"}
