"""TensorFlow Serving's JSON, from the server's side: requests to tensors, tensors to answers.

Written after its documentation (https://www.tensorflow.org/tfx/serving/api_rest) and its util/json_tensor.cc,
and apart from the client, which it is there to prove.
"""

import base64
import json

import numpy as np


class Refused(Exception):
    """What the server answers instead: the name of a gRPC status, that of HTTP, and words."""

    def __init__(self, code, status, words):
        super().__init__(words)
        self.code, self.status, self.words = code, status, words


def invalid(words):
    return Refused("INVALID_ARGUMENT", 400, words)


def read_request(body, inputs_of):
    """Return (signature, format, tensors by name); `inputs_of(signature)` gives its inputs' dtypes by name."""
    request = json.loads(body)
    signature = request.get("signature_name", "serving_default")
    dtypes = inputs_of(signature)
    if "inputs" in request:
        format, columns = "column", _named(request["inputs"], dtypes)
    else:
        rows = [_named(row, dtypes) for row in request["instances"]]
        assert all(row.keys() == dtypes.keys() for row in rows)
        format, columns = "row", {name: [row[name] for row in rows] for name in dtypes}
    return signature, format, {name: _tensor(columns[name], dtype) for name, dtype in dtypes.items()}


def _named(values, dtypes):
    """Return values by name; that of a single input may be left out."""
    if isinstance(values, dict) and not _is_base64(values):
        return values
    (name,) = dtypes
    return {name: values}


def _tensor(values, dtype):
    if dtype == "string":
        rows = [list(map(_bytes, one)) if isinstance(one, list) else _bytes(one) for one in values]
        return np.array(rows, object)
    for one in np.array(values, object).flat:
        if type(one) is not int:
            raise invalid(f"JSON Value: {json.dumps(one)} Type: Number is not of expected type: {dtype}")
    return np.array(values, np.int32)


def _bytes(text):
    return base64.b64decode(text["b64"], validate=True) if _is_base64(text) else text.encode()


def _is_base64(value):
    return isinstance(value, dict) and value.keys() == {"b64"}


def write_answer(outputs, format):
    """Return the bytes that the server answers; they are UTF-8 only if the strings in the tensors are."""
    if format == "column":
        columns = {name: _text(array, name) for name, array in outputs.items()}
        return b'{\n    "outputs": ' + _object(columns) + b"\n}"
    (size,) = {len(array) for array in outputs.values()}
    rows = [_object({name: _text(array[n], name) for name, array in outputs.items()}) for n in range(size)]
    return b'{\n    "predictions": [' + b",".join(rows) + b"\n    ]\n}"


def _object(texts):
    if len(texts) == 1:
        return next(iter(texts.values()))
    return b"{" + b",\n".join(b'"' + name.encode() + b'": ' + text for name, text in texts.items()) + b"}"


def _text(array, name):
    if isinstance(array, np.ndarray):
        return b"[" + b", ".join(_text(one, name) for one in array) + b"]"
    if isinstance(array, bytes):
        # The server escapes quotes and control characters, and writes every other byte as it is.
        return json.dumps(array.decode("latin-1"), ensure_ascii=False).encode("latin-1")
    if isinstance(array, np.bool_ | np.integer):
        return str(array).lower().encode()
    if not np.isfinite(array):
        return json.dumps(float(array)).encode()
    text = f"{array:.6g}"
    if np.float32(text) != array:
        text = f"{array:.9g}"
    return (text if "." in text or "e" in text else f"{text}.0").encode()
