"""The client's JSON against the server's, which json_tensor.py beside this reads and writes on its own."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ncf_keras.serving.client import ServingError
from ncf_keras.serving.client.rest import read_answer, read_object, request_body
from tests.serving.client.json_tensor import read_request, write_answer

INT32 = st.integers(-(2**31), 2**31 - 1)
FLOAT32 = st.floats(width=32)
FORMATS = {False: "column", True: "row"}


def texts(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


@given(st.lists(st.tuples(INT32, st.binary()), min_size=1), st.booleans())
@settings(max_examples=50)
def test_whatever_is_sent_arrives(pairs, rows):
    numbers, strings = zip(*pairs, strict=True)
    inputs = {"user_input": np.array(numbers, np.int32), "user_id": texts(strings)}
    body = request_body("a signature", inputs, rows)
    dtypes = {"user_input": "int32", "user_id": "string"}
    signature, format, tensors = read_request(body, lambda signature: dtypes)
    assert (signature, format) == ("a signature", FORMATS[rows])
    assert tensors["user_input"].tolist() == list(numbers)
    assert tensors["user_id"].tolist() == list(strings)


def test_the_bodies_as_the_documentation_has_them():
    inputs = {"user_id": texts([b"ann", b"\xff"]), "k": np.array([5, 5], np.int32)}
    assert json.loads(request_body("recommend_by_id", inputs, False)) == {
        "signature_name": "recommend_by_id",
        "inputs": {"user_id": ["ann", {"b64": "/w=="}], "k": [5, 5]},
    }
    assert json.loads(request_body("recommend_by_id", inputs, True)) == {
        "signature_name": "recommend_by_id",
        "instances": [{"user_id": "ann", "k": 5}, {"user_id": {"b64": "/w=="}, "k": 5}],
    }


@given(
    st.lists(
        st.tuples(st.lists(FLOAT32, min_size=3, max_size=3), st.binary(), st.booleans(), INT32), min_size=1
    ),
    st.booleans(),
)
@settings(max_examples=50)
def test_whatever_is_answered_arrives(lines, rows):
    scores, titles, known, items = zip(*lines, strict=True)
    outputs = {
        "scores": np.array(scores, np.float32),
        "titles": texts(titles),
        "known": np.array(known),
        "items": np.array(items, np.int32),
    }
    got = read_answer(write_answer(outputs, FORMATS[rows]), tuple(outputs), rows)
    np.testing.assert_array_equal(np.array(got["scores"], np.float32), outputs["scores"])
    assert [one.encode("utf-8", "surrogateescape") for one in got["titles"]] == list(titles)
    assert (got["known"], got["items"]) == (list(known), list(items))
    # A single output comes without its name.
    got = read_answer(write_answer({"known": outputs["known"]}, FORMATS[rows]), ("known",), rows)
    assert got == {"known": list(known)}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{ "predictions": [3.5, 4.0, -Infinity] }', {"y": [3.5, 4.0, -np.inf]}),
        (b'{"outputs": [-Infinity, Infinity]}', {"y": [-np.inf, np.inf]}),
        (
            b'{"predictions": [{"score": 0.669074059, "label": "approve"}, {"score": 0.3, "label": "review"}]}',
            {"score": [0.669074059, 0.3], "label": ["approve", "review"]},
        ),
        (
            b'{"outputs": {"label": ["approve", "review"], "score": [0.669074059, 0.318864703]}}',
            {"score": [0.669074059, 0.318864703], "label": ["approve", "review"]},
        ),
        (b'{"predictions": []}', {}),
    ],
)
def test_the_answers_as_the_documentation_has_them(body, expected):
    assert read_answer(body, tuple(expected), b"predictions" in body) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b"\xff", b"<html>", b"[" * 100_000, b'{"outputs": 7}', b'{"a": 1}'],
)
@pytest.mark.parametrize("rows", [False, True])
def test_anything_else_is_told(body, rows):
    with pytest.raises(ServingError, match="the server must answer"):
        read_answer(body, ("items", "scores"), rows)


@pytest.mark.parametrize("rows", ['[{"a": 1}, 2]', '[{"a": 1}, {"b": 1}]', "[[1], [2]]", '{"a": 1}', '"text"'])
def test_rows_that_differ_are_told(rows):
    with pytest.raises(ServingError, match="`predictions`"):
        read_answer(f'{{"predictions": {rows}}}'.encode(), ("items", "scores"), True)


@given(st.binary())
def test_no_bytes_break_the_reader(body):
    try:
        assert isinstance(read_object(body), dict)
    except ServingError as error:
        assert "JSON object" in str(error)
