"""The client's JSON against the server's, which json_tensor.py beside this reads and writes on its own."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.serving.client import ServingError
from ncf_keras.serving.client.limits import Bounds
from ncf_keras.serving.client.rest import read_answer, read_object, refuse_more, request_body
from tests.serving.client.json_tensor import read_request, write_answer

INT32 = st.integers(-(2**31), 2**31 - 1)
FORMATS = {False: "column", True: "row"}


def texts(values):
    return np.array([*values, None], object)[:-1]


@given(st.lists(st.tuples(INT32, st.binary()), min_size=1), st.booleans())
def test_whatever_is_sent_arrives(pairs, rows):
    numbers, strings = zip(*pairs, strict=True)
    body = request_body("asked", {"user_input": np.array(numbers, np.int32), "user_id": texts(strings)}, rows)
    signature, format, tensors = read_request(body, lambda _: {"user_input": "int32", "user_id": "string"})
    assert (signature, format) == ("asked", FORMATS[rows])
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        "user_input": list(numbers),
        "user_id": list(strings),
    }


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


SCORES = st.lists(st.floats(width=32), min_size=3, max_size=3)


@given(st.lists(st.tuples(SCORES, st.binary(), st.booleans(), INT32), min_size=1), st.booleans())
def test_whatever_is_answered_arrives(lines, rows):
    scores, titles, known, items = zip(*lines, strict=True)
    outputs = {"scores": np.array(scores, np.float32), "titles": texts(titles)}
    outputs |= {"known": np.array(known), "items": np.array(items, np.int32)}
    got = read_answer(write_answer(outputs, FORMATS[rows]), tuple(outputs), rows)
    np.testing.assert_array_equal(np.array(got["scores"], np.float32), outputs["scores"])
    assert [one.encode("utf-8", "surrogateescape") for one in got["titles"]] == list(titles)
    assert (got["known"], got["items"]) == (list(known), list(items))
    # A single output comes without its name.
    got = read_answer(write_answer({"known": outputs["known"]}, FORMATS[rows]), ("known",), rows)
    assert got == {"known": list(known)}


BOTH = {"score": [0.669074059, 0.3], "label": ["approve", "review"]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{ "predictions": [3.5, 4.0, -Infinity] }', {"y": [3.5, 4.0, -np.inf]}),
        (b'{"outputs": [-Infinity, Infinity]}', {"y": [-np.inf, np.inf]}),
        (
            b'{"predictions": [{"score": 0.669074059, "label": "approve"}, {"score": 0.3, "label": "review"}]}',
            BOTH,
        ),
        (b'{"outputs": {"label": ["approve", "review"], "score": [0.669074059, 0.3]}}', BOTH),
        (b'{"predictions": []}', {}),
    ],
)
def test_the_answers_as_the_documentation_has_them(body, expected):
    assert read_answer(body, tuple(expected), b"predictions" in body) == expected


NO_ROWS = ('[{"a": 1}, 2]', '[{"a": 1}, {"b": 1}]', "[[1], [2]]", '{"a": 1}', '"text"')
OTHERS = (b"", b"{", b"[]", b"7", b"null", b"\xff", b"<html>", b"[" * 100_000, b'{"outputs": 7}', b'{"a": 1}')


@pytest.mark.parametrize(
    ("body", "rows", "words"),
    [
        *((body, rows, "the server must answer") for body in OTHERS for rows in (False, True)),
        *((f'{{"predictions": {rows}}}'.encode(), True, "`predictions`") for rows in NO_ROWS),
    ],
)
def test_anything_else_is_told(body, rows, words):
    with pytest.raises(ServingError, match=words):
        read_answer(body, ("items", "scores"), rows)


def test_a_long_answer_is_counted_before_it_is_read():
    """Texts may have in them what separates values elsewhere."""
    bounds = Bounds(100, numbers=2_500, texts=2_500)
    title = 'a "quoted" \\\\ title, [with] {all} of: it \\' * 3
    named = {"item_ids": [["i,[{"] * 90] * 100, "titles": [[title] * 90] * 100, "scores": [[0.5] * 90] * 100}
    right = json.dumps({"outputs": {**named, "known": [True] * 100}}, indent=1).encode()
    rows = json.dumps({"predictions": [{name: one[0] for name, one in named.items()}] * 100}).encode()
    assert len(right) > 1 << 20
    for body in (right, rows, b" " * (1 << 20) + right, b"[[]," * 1000):
        refuse_more(body, bounds)
    # Each takes many times its bytes once it is read.
    for value in (b"[],", b"{},", b'"",', b"0,", b'{"":0},', b'{"":[]},', b'"\\\\",[],', b'"\\"",[],'):
        bomb = b'{"outputs":[' + value * (2_000_000 // len(value)) + b"0]}"
        with pytest.raises(
            ServingError, match=r"at most 43,232 values, of which 23,232 are texts, .* Received: more"
        ):
            refuse_more(bomb, bounds)


@given(st.binary())
def test_no_bytes_break_the_reader(body):
    try:
        assert isinstance(read_object(body), dict)
    except ServingError as error:
        assert "JSON object" in str(error)
