"""TensorFlow Serving's JSON, from the server's side: requests to tensors, tensors to answers.

Written after its documentation (https://www.tensorflow.org/tfx/serving/api_rest) and its util/json_tensor.cc,
error messages included, and apart from the client, which it is there to prove.
"""

import base64
import json

import numpy as np

INT32 = np.iinfo(np.int32)


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
    if "instances" not in request:
        columns = _named(request["inputs"], dtypes)
        for name in dtypes:
            if name not in columns:
                raise invalid(f"Missing named input: {name} in 'inputs' object.")
        return signature, "column", {name: _tensor(columns[name], dtype) for name, dtype in dtypes.items()}
    tensors = {name: [] for name in dtypes}
    for number, row in enumerate(request["instances"]):
        row = _named(row, dtypes)
        if row.keys() != dtypes.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {json.dumps(row)} keys "
                f"must be equal to: {','.join(sorted(dtypes))}"
            )
        for name, value in row.items():
            tensors[name].append(_tensor(value, dtypes[name]))
    return signature, "row", {name: np.stack(rows) for name, rows in tensors.items()}


def _named(values, dtypes):
    """Return values by name; that of a single input may be left out."""
    if isinstance(values, dict) and not _is_base64(values):
        return values
    (name,) = dtypes
    return {name: values}


def _tensor(value, dtype):
    kind = object if dtype == "string" else dtype
    if isinstance(value, list):
        return np.stack([_tensor(one, dtype) for one in value]) if value else np.zeros(0, kind)
    array = np.empty((), kind)
    array[()] = _value(value, dtype)
    return array


def _value(value, dtype):
    if dtype == "string" and _is_base64(value):
        return base64.b64decode(value["b64"], validate=True)
    if dtype == "string" and isinstance(value, str):
        return value.encode()
    if dtype == "int32" and type(value) is int and INT32.min <= value <= INT32.max:
        return value
    kinds = {int: "Number", float: "Number", str: "String", dict: "Object", bool: "True", type(None): "Null"}
    raise invalid(
        f"JSON Value: {json.dumps(value)} Type: {kinds[type(value)]} is not of expected type: {dtype}"
    )


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
