import io
import json
from itertools import chain

import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data.logs import json_log, json_records
from ncf_keras.data.logs.json_records import JsonRecords
from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.options import LogOptions
from tests.data.logs.test_log import rows_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), max_size=6)


def read(file, text, **options):
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    log = Log.of(file, LogOptions(**options))
    return log.read(), log.layouts[0]


@given(RECORDS, st.sampled_from(["lines", "array"]), st.sampled_from([None, 1]), st.integers(1, 40))
def test_records_are_those_of_the_json_module_however_they_are_cut(records, form, indent, block):
    lines = "\n".join(json.dumps(record, indent=indent) for record in records)
    text = lines if form == "lines" else json.dumps(records, indent=indent)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_records, "BLOCK", block)
        assert list(JsonRecords(io.StringIO(text), "log")) == records
        assert list(chain.from_iterable(JsonRecords(io.StringIO(text), "log").batches())) == records


@pytest.mark.parametrize(("text", "message"), [
    ('{"a": 1}\n{"a": 2\n', "log, line 2 must be a JSON object. Received: {\"a\": 2$"),
    ('{"a": 1}\n\n[1]\n', r"log, line 3 must be a JSON object, such as .*\. Received: \[1\]$"),
    ('[{"a": 1}\n{"a": 2}]', "log, line 2 must have a comma between the records"),
    ('[{"a": 1},\n{"a": 2}', "log must end with the end of its array. Received: the end of the file"),
    ('[{"a": 1}]\n{"a": 2}', "log, line 2 must end after its array"),
    ('[{"a": 1},]', "log, line 1 must be a JSON object"),
    ("{'a': 1}", r"as Python writes it: `json.dumps\(ast.literal_eval\(line\)\)` makes JSON"),
    ("{u'a': 1}", "as Python writes it"),
    ('{"a": ' + "9" * 5000 + "}", "log, line 1 must be a JSON object"),
    ('{"a": ' * 200_000, "log, line 1 must be a JSON object"),
    ('{"a": "' + "x" * (json_records.LONGEST_RECORD + 9) + '"}{', "log, line 1 must be a JSON object"),
    ('{"a": "' + "x" * 2 * json_records.LONGEST_RECORD, "must be a JSON object of at most 16,777,216 "),
])  # fmt: skip
def test_what_is_no_json_is_told_by_its_line(text, message):
    for read in (list, lambda records: list(records.batches())):
        with pytest.raises(InputError, match=message):
            read(JsonRecords(io.StringIO(text), "log"))


@pytest.mark.parametrize("block", [1, 7, 1 << 18])
def test_lines_that_are_not_one_record_each_are_read_or_refused_one_by_one(monkeypatch, block):
    monkeypatch.setattr(json_records, "BLOCK", block)
    good = '{"a": 1}\r\n\n \r\n{"a": "x,y"}\n'
    for text, expected in (
        (good, [{"a": 1}, {"a": "x,y"}]),
        (good + '{"a": 2}{"a": 3}\n{"a":\n4}', [{"a": 1}, {"a": "x,y"}, {"a": 2}, {"a": 3}, {"a": 4}]),
        (good + '{"a": "x\ny"}', None),  # JSON has no line ends in texts
        (good + '[{"a": 2}]', None),
        (good + '{"a": 2},\n{"a": 3}', None),
        (good + "\x0b\n", None),  # white space, but none of JSON's
    ):
        records = JsonRecords(io.StringIO(text), "log").batches()
        if expected is None:
            with pytest.raises(InputError, match="log, line 5 must be a JSON object"):
                list(records)
        else:
            assert list(chain.from_iterable(records)) == expected


def test_keys_may_be_nested_and_ids_numbers(tmp_path):
    records = [
        {"user": {"id": 7, "name": "Ann"}, "game.id": "x", "hours": 1.5, "at": {"$date": "2020-01-02"}},
        {"user": {"id": 7.0}, "game.id": "07", "hours": 2, "at": {"$date": "2020-01-01"}},
        {"user": None, "game.id": "x", "hours": 2, "at": {"$date": "2020-01-01"}},
        {"user": {"id": True}, "game.id": None, "hours": 2, "at": {"$date": "2020-01-01"}},
        {"user": {"id": "7 "}, "game.id": " x ", "hours": True, "at": {"$date": "2020-01-03T00:00:00Z"}},
    ]
    text = "\n".join(map(json.dumps, records))
    columns = {"user": "user.id", "item": "game.id", "rating": "hours", "timestamp": "at.$date"}
    log, layout = read(tmp_path / "log", text, **columns)
    assert [row[:3] for row in rows_of(log)] == [("7", "x", 1.5), ("7", "07", 2.0), ("7", "x", 1.0)]
    assert log.missing == {"user": 1, "item": 1, "rating": 0, "timestamp": 0}
    assert log.frame["timestamp"].astype("M8[s]").astype(str).tolist() == [
        "2020-01-02",
        "2020-01-01",
        "2020-01-03",
    ]
    assert layout.describe()["columns"] == {role: f"key {key}" for role, key in columns.items()}
    # `user.id` is known for the user; the others are not.
    with pytest.raises(
        InputError, match=r"`item` must name the column of .* the columns user.id, user.name, thing"
    ):
        read(tmp_path / "log", text.replace("game.id", "thing"))


def test_integers_stay_exact_and_gaps_are_missing(tmp_path):
    numbers = [2**63 - 1, 1700000000000000001, None, "1700000000000000002", 5]
    lines = [json.dumps({"user": n, "item": n, "timestamp": number}) for n, number in enumerate(numbers)]
    log, layout = read(tmp_path / "log", "\n".join(lines))
    assert log.frame["timestamp"].tolist() == [2**63 - 1, 1700000000000000001, 1700000000000000002, 5]
    assert "rating" not in layout.positions
    assert layout.in_words().endswith("key timestamp, no rating, so that every row is a positive")


@pytest.mark.parametrize(("line", "options", "message"), [
    ({"user": {"id": 1}, "item": 2, "timestamp": 3}, {"user": "user"}, "`user` must be a key .* one of user.i"),
    ({"user": 1, "item": [2], "timestamp": 3}, {}, r"2 must have a single value for the key item. .*: \[2"),
    ({"user": 1, "item": 2, "timestamp": 3}, {"header": True}, "`header` must be left out for JSON"),
    ({"user": 1, "item": 2, "timestamp": 3}, {"delimiter": ","}, "`delimiter` must be left out for JSON"),
    ({"user": 1, "item": 2, "timestamp": 3}, {"item": "2"}, "`item` must be a key .*Received: 2$"),
    ({"user": 1, "item": "\ud800", "timestamp": 3}, {}, "must hold ids of whole characters"),
    ({"user": 1, "item": "a\0b", "timestamp": 3}, {}, "`item` must hold ids without NUL"),
    ({"user": 1, "item": 2, "rating": "five", "timestamp": 3}, {}, "line 2 must have a finite number"),
    ({"user": 1, "item": 2, "rating": float("inf"), "timestamp": 3}, {}, "line 2 must have a finite number"),
    ({"user": 1, "item": 2, "rating": 10**400, "timestamp": 3}, {}, "line 2 must have a finite number"),
    ({"user": 1, "item": 2}, {}, "`timestamp` must name the column of .* read as JSON"),
])  # fmt: skip
def test_what_is_wrong_with_a_record(tmp_path, line, options, message):
    good = {key: {"id": 1} if isinstance(value, dict) else 5 for key, value in line.items()}
    with pytest.raises(InputError, match=message):
        read(tmp_path / "log", f"{json.dumps(good)}\n{json.dumps(line)}\n", **options)


@pytest.mark.parametrize("text", ['[["a","x",5,1],\n["b","y",4,2]]', '["a","x"]\n["b","y"]\n', '[\n"a"]'])
def test_arrays_of_arrays_are_no_text_with_brackets_in_its_ids(tmp_path, text):
    with pytest.raises(InputError, match=r"must be a JSON object, such as .*\}\. Received"):
        read(tmp_path / "log", text, no_timestamps=True)


def test_a_key_with_a_dot_beside_the_same_nested_key_is_refused(tmp_path):
    record = json.dumps({"a": {"b": 1}, "a.b": 2, "item": 3, "timestamp": 4})
    with pytest.raises(InputError, match=r"`user` must be one key .* Received: a.b, once a key with a dot"):
        read(tmp_path / "log", record, user="a.b")
    assert rows_of(read(tmp_path / "log", record, user="item", item="timestamp", no_timestamps=True)[0])


def test_records_and_ids_are_taken_in_pieces_that_fit_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_records, "BATCH_CHARACTERS", 1)
    monkeypatch.setattr(json_records, "BLOCK", 100)
    chunks = []
    take = json_log._values
    monkeypatch.setattr(json_log, "_values", lambda some, path: chunks.append(len(some)) or take(some, path))
    lines = "\n".join(json.dumps({"user": f"{n}" * 60, "item": n, "timestamp": n}) for n in range(9))
    log, _ = read(tmp_path / "log", lines)
    assert len(log.frame) == 9
    assert max(chunks) <= 3
    chunks.clear()
    read(tmp_path / "log", "[" + lines.replace("\n", ",") + "]")
    assert max(chunks) <= 3
    # Ids that never come twice are counted, however few the rows.
    monkeypatch.setattr(json_log, "allowed_memory", lambda: 9 * json_log.JSON_ROW + 1000)
    with pytest.raises(InputError, match="must fit into the memory that is free"):
        read(tmp_path / "log", lines)


def test_an_empty_array_or_bytes_that_are_no_text(tmp_path):
    for text, message in (
        ("[ ]", "at least one interaction"),
        (b'{"user": "caf\xe9", "item": 1}', r"line 1 must be text in UTF-8 \(`encoding` names another"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / "log", text)
    # What only looks like JSON is text.
    log, _ = read(tmp_path / "log", "{7F-1},a,5,1\n{7F-2},b,4,2\n")
    assert rows_of(log) == [("{7F-1}", "a", 5.0, 1), ("{7F-2}", "b", 4.0, 2)]
