"""The client's JSON against the server's, which json_tensor.py beside this reads and writes on its own."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.errors import ServingError
from ncf_keras.serving.client.json_values import column_body, read_columns, read_object, read_rows, row_body
from tests.serving.client.json_tensor import read_request, write_answer

INT32 = st.integers(-(2**31), 2**31 - 1)
FLOAT32 = st.floats(width=32)


def texts(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def sent(body, dtypes):
    return read_request(body, lambda signature: dtypes)


@given(st.lists(st.tuples(INT32, st.binary()), min_size=1), st.booleans())
def test_whatever_is_sent_arrives(rows, as_rows):
    inputs = {
        "user_input": np.array([row[0] for row in rows], np.int32),
        "user_id": texts([row[1] for row in rows]),
    }
    body = (row_body if as_rows else column_body)("a signature", inputs)
    signature, format, tensors = sent(body, {"user_input": "int32", "user_id": "string"})
    assert (signature, format) == ("a signature", "row" if as_rows else "column")
    assert tensors["user_input"].tolist() == inputs["user_input"].tolist()
    assert tensors["user_id"].tolist() == inputs["user_id"].tolist()


def test_the_bodies_as_the_documentation_has_them():
    inputs = {"user_id": texts([b"ann", b"\xff"]), "k": np.array([5, 5], np.int32)}
    assert json.loads(column_body("recommend_by_id", inputs)) == {
        "signature_name": "recommend_by_id",
        "inputs": {"user_id": ["ann", {"b64": "/w=="}], "k": [5, 5]},
    }
    assert json.loads(row_body("recommend_by_id", inputs)) == {
        "signature_name": "recommend_by_id",
        "instances": [{"user_id": "ann", "k": 5}, {"user_id": {"b64": "/w=="}, "k": 5}],
    }


def test_a_single_value_is_a_column_and_no_row():
    inputs = {"k": np.array(5, np.int32)}
    assert json.loads(column_body("s", inputs))["inputs"] == {"k": 5}
    with pytest.raises(InputError, match="`k` must have a value for each row"):
        row_body("s", inputs)
    with pytest.raises(InputError, match="there must be a row"):
        row_body("s", {"k": np.zeros(0, np.int32)})


@given(
    st.lists(
        st.tuples(st.lists(FLOAT32, min_size=3, max_size=3), st.binary(), st.booleans(), INT32), min_size=1
    ),
    st.sampled_from(["row", "column"]),
)
def test_whatever_is_answered_arrives(rows, format):
    outputs = {
        "scores": np.array([row[0] for row in rows], np.float32),
        "titles": texts([row[1] for row in rows]),
        "known": np.array([row[2] for row in rows]),
        "items": np.array([row[3] for row in rows], np.int32),
    }
    read = read_rows if format == "row" else read_columns
    got = read(write_answer(outputs, format), tuple(outputs))
    np.testing.assert_array_equal(np.array(got["scores"], np.float32), outputs["scores"])
    assert [one.encode("utf-8", "surrogateescape") for one in got["titles"]] == outputs["titles"].tolist()
    assert got["known"] == outputs["known"].tolist()
    assert got["items"] == outputs["items"].tolist()


@given(st.lists(FLOAT32, min_size=1), st.sampled_from(["row", "column"]))
def test_a_single_output_comes_without_its_name(values, format):
    read = read_rows if format == "row" else read_columns
    array = np.array(values, np.float32)
    got = read(write_answer({"prediction": array}, format), ("prediction",))
    np.testing.assert_array_equal(np.array(got["prediction"], np.float32), array)


def test_the_answers_as_the_documentation_has_them():
    assert read_rows(b'{ "predictions": [3.5, 4.0, NaN] }', ("y",))["y"][:2] == [3.5, 4.0]
    assert read_columns(b'{"outputs": [-Infinity, Infinity]}', ("y",)) == {"y": [-np.inf, np.inf]}
    body = b'{"predictions": [{"score": 0.669074059, "label": "approve"}, {"score": 0.3, "label": "review"}]}'
    assert read_rows(body, ("score", "label")) == {
        "score": [0.669074059, 0.3],
        "label": ["approve", "review"],
    }
    body = b'{"outputs": {"label": ["approve", "review"], "score": [0.669074059, 0.318864703]}}'
    assert read_columns(body, ("score", "label"))["label"] == ["approve", "review"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b"\xff", b"<html>", b"[" * 100_000, b'{"outputs": 7}', b'{"a": 1}'],
)
@pytest.mark.parametrize("read", [read_columns, read_rows])
def test_anything_else_is_told(body, read):
    with pytest.raises(ServingError, match="the server must answer"):
        read(body, ("items", "scores"))


@pytest.mark.parametrize("rows", ['[{"a": 1}, 2]', '[{"a": 1}, {"b": 1}]', "[[1], [2]]", '{"a": 1}', '"text"'])
def test_rows_that_differ_are_told(rows):
    with pytest.raises(ServingError, match="`predictions`"):
        read_rows(f'{{"predictions": {rows}}}'.encode(), ("items", "scores"))


@given(st.binary())
def test_no_bytes_break_the_reader(body):
    try:
        assert isinstance(read_object(body), dict)
    except ServingError as error:
        assert "JSON object" in str(error)
