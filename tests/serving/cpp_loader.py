"""TensorFlow's C++ loader through its C API: what a server runs, without Python's own way of loading.

`TF_LoadSessionFromSavedModel` is a thin wrapper of `tensorflow::LoadSavedModel`, and `TF_SessionRun` of the
session that comes with it.
"""

import ctypes
import functools
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

TSTRING_BYTES = 24


class Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocate", ctypes.c_void_p)]


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


@functools.cache
def library():
    return ctypes.CDLL(str(Path(tf.sysconfig.get_lib()) / "libtensorflow_cc.so.2"))


def call(name, *arguments, result=ctypes.c_void_p):
    """Call a function of the C API; whole numbers are passed as 64 bits."""
    function = library()[name]
    function.restype = result
    return function(*(ctypes.c_void_p(one) if isinstance(one, int) else one for one in arguments))


class Refused(Exception):
    """The loader or the session answered with an error."""


def checked(name, *arguments):
    """Call a function whose last argument is a status; Refused if that is an error."""
    status = call("TF_NewStatus")
    try:
        result = call(name, *arguments, status)
        if call("TF_GetCode", status, result=ctypes.c_int):
            raise Refused(call("TF_Message", status, result=ctypes.c_char_p).decode("utf-8", "replace"))
        return result
    finally:
        call("TF_DeleteStatus", status)


def new_buffer():
    return call("TF_NewBuffer", result=ctypes.POINTER(Buffer))


class CppModel:
    """A SavedModel in a C++ session.

    Args:
        directory: of the version.
        threads: of the session, within and between operations; TensorFlow's choice if 0.

    Raises:
        Refused: the loader refuses it.
    """

    def __init__(self, directory, threads=0):
        options, self._graph, buffer = call("TF_NewSessionOptions"), call("TF_NewGraph"), new_buffer()
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
        ).SerializeToString()
        tags = (ctypes.c_char_p * 1)(b"serve")
        try:
            checked("TF_SetConfig", options, config, len(config))
            arguments = (options, None, str(directory).encode(), tags, 1, self._graph, buffer)
            self._session = checked("TF_LoadSessionFromSavedModel", *arguments)
            written = ctypes.string_at(buffer.contents.data, buffer.contents.length)
        finally:
            call("TF_DeleteSessionOptions", options)
            call("TF_DeleteBuffer", buffer)
        self.signatures = dict(meta_graph_pb2.MetaGraphDef.FromString(written).signature_def)

    def close(self):
        checked("TF_CloseSession", self._session)
        checked("TF_DeleteSession", self._session)
        call("TF_DeleteGraph", self._graph)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, signature, **inputs):
        """Return the outputs of a signature by name, as arrays, texts as bytes; Refused if it is an error."""
        definition = self.signatures[signature]
        assert set(inputs) == set(definition.inputs)
        feeds, fetches = [definition.inputs[name] for name in inputs], list(definition.outputs.values())
        values = [self._tensor(value, info.dtype) for value, info in zip(inputs.values(), feeds, strict=True)]
        answers = (ctypes.c_void_p * len(fetches))()
        try:
            checked(
                "TF_SessionRun", self._session, None, self._outputs(feeds),
                (ctypes.c_void_p * len(values))(*values), len(values),
                self._outputs(fetches), answers, len(fetches), None, 0, None,
            )  # fmt: skip
            return dict(zip(definition.outputs, map(self._array, answers), strict=True))
        finally:
            for tensor in [*values, *filter(None, answers)]:
                call("TF_DeleteTensor", tensor)

    def _outputs(self, infos):
        outputs = (Output * len(infos))()
        for output, info in zip(outputs, infos, strict=True):
            name, _, index = info.name.partition(":")
            output.operation = call("TF_GraphOperationByName", self._graph, name.encode())
            output.index = int(index)
        return outputs

    def _tensor(self, value, dtype):
        dtype = tf.dtypes.as_dtype(dtype)
        array = np.asarray(value, object if dtype == tf.string else dtype.as_numpy_dtype)
        size = array.size * (TSTRING_BYTES if dtype == tf.string else array.itemsize)
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        tensor = call("TF_AllocateTensor", dtype.as_datatype_enum, dims, array.ndim, size)
        data = call("TF_TensorData", tensor)
        if dtype == tf.string:
            for place, text in enumerate(array.ravel()):
                text = text.encode() if isinstance(text, str) else text
                call("TF_StringInit", data + place * TSTRING_BYTES)
                call("TF_StringCopy", data + place * TSTRING_BYTES, text, len(text))
        elif size:
            ctypes.memmove(data, np.ascontiguousarray(array).ctypes.data, size)
        return tensor

    def _array(self, tensor):
        axes = range(call("TF_NumDims", tensor, result=ctypes.c_int))
        shape = [call("TF_Dim", tensor, axis, result=ctypes.c_int64) for axis in axes]
        dtype = tf.dtypes.as_dtype(call("TF_TensorType", tensor, result=ctypes.c_int))
        data, count = call("TF_TensorData", tensor), int(np.prod(shape, dtype=int))
        if dtype != tf.string:
            written = ctypes.string_at(data, count * dtype.size) if count else b""
            return np.frombuffer(written, dtype.as_numpy_dtype).reshape(shape)
        places = [data + place * TSTRING_BYTES for place in range(count)]
        sizes = [call("TF_StringGetSize", place, result=ctypes.c_size_t) for place in places]
        starts = [call("TF_StringGetDataPointer", place) for place in places]
        return np.array(list(map(ctypes.string_at, starts, sizes)), object).reshape(shape)
