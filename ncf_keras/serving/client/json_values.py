"""Tensors in the JSON of TensorFlow Serving's REST interface (https://www.tensorflow.org/tfx/serving/api_rest).

It is JSON but for two things. `NaN`, `Infinity` and `-Infinity` stand for themselves, which Python's reader
takes as well. And the server writes strings as the bytes they are, so that an answer may be no UTF-8; such
bytes are kept as `surrogateescape` does. A string that is sent must be UTF-8 or go as `{"b64": …}`.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.errors import ServingError


def column_body(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Return a request in the column format: each input once, whole.

    Args:
        signature: the signature to run.
        inputs: int32 arrays, or object arrays of bytes for strings, by name.
    """
    columns = {name: _values(array) for name, array in inputs.items()}
    return _body(signature, "inputs", columns)


def row_body(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Return a request in the row format: the inputs of each row together.

    Raises:
        InputError: an input is a single value, which the row format can't say, or there are no rows.
    """
    for name, array in inputs.items():
        if array.ndim == 0 or not len(array):
            raise InputError(
                f"`{name}` must have a value for each row, and there must be a row, in the row format. "
                f"Received: an array of shape {list(array.shape)}"
            )
    columns = {name: _values(array) for name, array in inputs.items()}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return _body(signature, "instances", rows)


def read_columns(body: bytes, outputs: tuple[str, ...]) -> dict[str, Any]:
    """Return the outputs, in nested lists, of an answer in the column format.

    Args:
        body: the answer.
        outputs: the names of the signature's outputs; the server leaves the name of a single one out.

    Raises:
        ServingError: the answer is not of that format.
    """
    values = read_object(body).get("outputs")
    if len(outputs) == 1 and isinstance(values, list):
        return {outputs[0]: values}
    if not isinstance(values, dict):
        raise _unreadable("`outputs`", body)
    return values


def read_rows(body: bytes, outputs: tuple[str, ...]) -> dict[str, Any]:
    """Return the outputs, in nested lists, of an answer in the row format; as `read_columns`.

    Raises:
        ServingError: the answer is not of that format.
    """
    rows = read_object(body).get("predictions")
    if not isinstance(rows, list):
        raise _unreadable("`predictions`", body)
    if len(outputs) == 1 and not any(isinstance(row, dict) for row in rows):
        return {outputs[0]: rows}
    if not all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows):
        raise _unreadable("`predictions` with the same outputs in each row", body)
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer.

    Raises:
        ServingError: there is none.
    """
    try:
        answer = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise _unreadable("a JSON object", body)
    return answer


def _values(array: np.ndarray) -> Any:
    values = array.tolist()
    if array.dtype != object:
        return values
    return _string(values) if array.ndim == 0 else [_string(value) for value in values]


def _string(value: bytes) -> Any:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}


def _body(signature: str, key: str, values: Any) -> bytes:
    return json.dumps({"signature_name": signature, key: values}, allow_nan=False).encode("ascii")


def _unreadable(wanted: str, body: bytes) -> ServingError:
    return ServingError(f"the server must answer {wanted}. Received: {body[:80]!r}")
