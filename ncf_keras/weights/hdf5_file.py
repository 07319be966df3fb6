"""Groups, attributes and arrays of an HDF5 file from a stranger; see `hdf5_bytes` for why it is not h5py.

Arrays are IEEE floats stored in one piece, attributes are text: what a Keras weight file consists of.
"""

import functools
import math
import struct
from dataclasses import dataclass, field

import numpy as np

from ncf_keras.weights.hdf5_bytes import UNDEFINED_ADDRESS, Hdf5Bytes, Hdf5Error, Message, decoded

_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL_FILES = 0x01, 0x02, 0x03, 0x06, 0x07
_LAYOUT, _FILTERS, _ATTRIBUTE, _SYMBOL_TABLE = 0x08, 0x0B, 0x0C, 0x11

_TWO_NUMBERS = struct.Struct("<2Q")
_TYPE_HEAD = struct.Struct("<B 3s I")
_FLOAT = struct.Struct("<2H 4B I")
_ATTRIBUTE_HEAD = struct.Struct("<B x 3H")
_TEXT_REFERENCE = struct.Struct("<I Q I")

# Version 3 of the message, class "contiguous".
_STORED_IN_ONE_PIECE = bytes([3, 1])
_FLOAT_CLASS, _STRING_CLASS, _VARIABLE_CLASS = 1, 3, 9
# Bit offset, precision, exponent place and size, mantissa place and size, exponent bias.
_IEEE = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}
_IMPLIED_LEADING_BIT = 0x20
_MOST_DIMENSIONS = 32


class Hdf5File:
    """An HDF5 file in memory.

    Args:
        data: its bytes.

    Attributes:
        root: the root group.

    Raises:
        Hdf5Error: here or later, from whatever part is broken or of a kind that Keras does not write.
    """

    def __init__(self, data: bytes):
        source = Hdf5Bytes(data)
        self.root = _node(source, source.root_address(), "/")
        if not isinstance(self.root, Hdf5Group):
            raise Hdf5Error("is damaged: it has no root group")


@dataclass
class Hdf5Node:
    """What groups and arrays share: a path for messages, and attributes.

    Attributes:
        path: from the root.
    """

    path: str
    _source: Hdf5Bytes = field(repr=False)
    _messages: list[Message] = field(repr=False)

    def text(self, attribute: str) -> list[str] | None:
        """Return the strings of a text attribute, one for a scalar; None if the node has no such attribute."""
        for kind, body in self._messages:
            if kind == _ATTRIBUTE:
                name, datatype, dataspace, value = _attribute_parts(body)
                if name == attribute:
                    return self._strings(datatype, _shape(dataspace), value)
        return None

    def _strings(self, datatype: memoryview, shape: tuple[int, ...], value: memoryview) -> list[str]:
        count = math.prod(shape)
        if count == 0:
            return []
        head, bits, size = _unpack(_TYPE_HEAD, datatype)
        if size == 0 or count * size > len(value):
            raise Hdf5Error(f"is damaged: an attribute of {self.path} is cut short")
        cells = [value[start : start + size] for start in range(0, count * size, size)]
        if head & 15 == _STRING_CLASS:
            return [decoded(cell) for cell in cells]
        if head & 15 == _VARIABLE_CLASS and bits[0] & 15 == 1:
            return [self._source.collected_text(*_unpack(_TEXT_REFERENCE, cell)) for cell in cells]
        raise Hdf5Error(f"has an attribute of {self.path} that is not text")


@dataclass
class Hdf5Group(Hdf5Node):
    """A group: named groups and arrays, opened when they are asked for."""

    def names(self) -> list[str]:
        """Return the names of the members."""
        return list(self._addresses)

    def child(self, name: str) -> Hdf5Node:
        """Return the member `name`; Hdf5Error if there is none."""
        path = f"{self.path.rstrip('/')}/{name}"
        if name not in self._addresses:
            raise Hdf5Error(f"is damaged: it has no {path}")
        return _node(self._source, self._addresses[name], path)

    def group(self, name: str) -> "Hdf5Group":
        """Return the member `name`; Hdf5Error if there is none or it is not a group."""
        child = self.child(name)
        if not isinstance(child, Hdf5Group):
            raise Hdf5Error(f"holds {child.path}, which should be a group")
        return child

    def array(self, name: str) -> np.ndarray:
        """Return the values of the member `name`; Hdf5Error if there is none or it is not a float array."""
        child = self.child(name)
        if not isinstance(child, Hdf5Array):
            raise Hdf5Error(f"holds {child.path}, which should be an array")
        return child.read()

    @functools.cached_property
    def _addresses(self) -> dict[str, int]:
        tables = [body for kind, body in self._messages if kind == _SYMBOL_TABLE]
        return self._source.members(*_unpack(_TWO_NUMBERS, tables[0]))


@dataclass
class Hdf5Array(Hdf5Node):
    """An array of floats."""

    def read(self) -> np.ndarray:
        """Return the values in native byte order, float16, float32 or float64 as they are stored."""
        dtype = self._dtype()
        shape = _shape(self._only(_DATASPACE))
        size = math.prod(shape) * dtype.itemsize
        layout = self._only(_LAYOUT)
        if bytes(layout[:2]) != _STORED_IN_ONE_PIECE:
            raise Hdf5Error(
                f"stores {self.path} in chunks or virtually, as Keras never does; "
                "save the model again with Keras"
            )
        address, stored = _unpack(_TWO_NUMBERS, layout[2:])
        if size == 0 or stored != size or address == UNDEFINED_ADDRESS:
            raise Hdf5Error(f"declares {self.path} of shape {shape}, {size} bytes, and does not hold that much")
        values = np.frombuffer(self._source.array_view(address, size), dtype).reshape(shape)
        return values.astype(dtype.newbyteorder("="))

    def _dtype(self) -> np.dtype:
        datatype = self._only(_DATATYPE)
        head, bits, size = _unpack(_TYPE_HEAD, datatype)
        if head & 15 != _FLOAT_CLASS:
            raise Hdf5Error(f"holds {self.path}, which is not of floating-point numbers")
        order = bits[0] & 1
        expected_bits = bytes([_IMPLIED_LEADING_BIT | order, (size * 8 - 1) & 255, 0])
        if bits != expected_bits or _IEEE.get(size) != _unpack(_FLOAT, datatype[_TYPE_HEAD.size :]):
            raise Hdf5Error(f"holds {self.path} in a floating-point format other than 16, 32 or 64 bits IEEE")
        return np.dtype(f"{'>' if order else '<'}f{size}")

    def _only(self, kind: int) -> memoryview:
        bodies = [message.body for message in self._messages if message.type == kind]
        if len(bodies) != 1:
            raise Hdf5Error(f"is damaged: the description of {self.path} is broken")
        return bodies[0]


def _node(source: Hdf5Bytes, address: int, path: str) -> Hdf5Node:
    source.claim_object(address, path)
    messages = source.messages(address)
    kinds = {message.type for message in messages}
    if kinds & {_LINK, _LINK_INFO}:
        raise Hdf5Error(f"has links in {path} of a kind that Keras never writes: links are not followed")
    if _EXTERNAL_FILES in kinds:
        raise Hdf5Error(f"keeps {path} in another file: other files are not opened")
    if _FILTERS in kinds:
        raise Hdf5Error(f"stores {path} compressed, as Keras never does; save the model again with Keras")
    if _SYMBOL_TABLE in kinds:
        return Hdf5Group(path, source, messages)
    if _LAYOUT in kinds:
        return Hdf5Array(path, source, messages)
    raise Hdf5Error(f"is damaged: {path} is neither a group nor an array")


def _unpack(layout: struct.Struct, body: memoryview) -> tuple:
    if len(body) < layout.size:
        raise Hdf5Error("is damaged: a description in it is cut short")
    return layout.unpack_from(body)


def _shape(dataspace: memoryview) -> tuple[int, ...]:
    if len(dataspace) < 4 or dataspace[0] not in (1, 2) or dataspace[1] > _MOST_DIMENSIONS:
        raise Hdf5Error("is damaged: the shape of an array or attribute is broken")
    start = 8 if dataspace[0] == 1 else 4
    if dataspace[0] == 2 and dataspace[3] == 2:
        return (0,)
    return _unpack(struct.Struct(f"<{dataspace[1]}Q"), dataspace[start:])


def _attribute_parts(body: memoryview) -> tuple[str, memoryview, memoryview, memoryview]:
    """Return the name, datatype, dataspace and value of an attribute message."""
    version, *sizes = _unpack(_ATTRIBUTE_HEAD, body)
    if version not in (1, 3):
        raise Hdf5Error("is damaged: an attribute in it is broken")
    parts = []
    position = _ATTRIBUTE_HEAD.size + (version == 3)
    for size in sizes:
        parts.append(body[position : position + size])
        position += -(-size // 8) * 8 if version == 1 else size
    name, datatype, dataspace = parts
    return decoded(name), datatype, dataspace, body[position:]
