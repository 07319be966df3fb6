"""An HDF5 file from a stranger: its groups, float arrays and text attributes, every access checked.

Why not h5py: an HDF5 file may name other files to open (external and soft links, external and virtual storage),
and a few flipped bits make the HDF5 library crash or hang now and then, which takes the whole process with it.
This reader knows the one dialect that h5py writes by default, and so the one that every Keras has written:
superblock 0, version 1 object headers, symbol table groups, arrays of IEEE floats in one piece, attributes of
text. All else is refused, so nothing outside of the bytes can be reached.

Source: "HDF5 File Format Specification Version 3.0", The HDF Group.
"""

import math
import struct
from collections.abc import Iterator

import numpy as np

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED_ADDRESS = 2**64 - 1

# A weight file takes some hundreds of reads; a file whose parts point at each other in circles takes no end.
_MOST_READS = 20_000
_MOST_ARRAYS = 200
_MOST_DIMENSIONS = 32
_LONGEST_NAME = 1024
_LONGEST_TEXT = 2**16
# With 32 children a node, more members than any file holds.
_DEEPEST_TREE = 12

_SUPERBLOCK = struct.Struct("<8s B 4x B B x 2H I 4Q")
_TWO_NUMBERS = struct.Struct("<2Q")
_OBJECT_HEADER = struct.Struct("<B x H I I 4x")
_MESSAGE = struct.Struct("<2H B 3x")
_TREE = struct.Struct("<4s 2B H 16x")
_HEAP = struct.Struct("<4s B 3x 2Q Q")
_SYMBOLS = struct.Struct("<4s B x H")
_SYMBOL = struct.Struct("<2Q I 20x")
_COLLECTION = struct.Struct("<4s B 3x Q")
_COLLECTED = struct.Struct("<H 6x Q")
_TYPE_HEAD = struct.Struct("<B 3s I")
_FLOAT = struct.Struct("<2H 4B I")
_ATTRIBUTE_HEAD = struct.Struct("<B x 3H")
_TEXT_REFERENCE = struct.Struct("<I Q I")

# Messages of an object header.
_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL_FILES = 0x01, 0x02, 0x03, 0x06, 0x07
_LAYOUT, _FILTERS, _ATTRIBUTE, _CONTINUATION, _SYMBOL_TABLE = 0x08, 0x0B, 0x0C, 0x10, 0x11
_SHARED = 0b10
_SOFT_LINK = 2

# Version 3 of the message, class "contiguous".
_STORED_IN_ONE_PIECE = bytes([3, 1])
_FLOAT_CLASS, _STRING_CLASS, _VARIABLE_CLASS = 1, 3, 9
# Bit offset, precision, exponent place and size, mantissa place and size, exponent bias.
_IEEE = {2: (0, 16, 10, 5, 0, 10, 15), 4: (0, 32, 23, 8, 0, 23, 127), 8: (0, 64, 52, 11, 0, 52, 1023)}
_IMPLIED_LEADING_BIT = 0x20


class Hdf5Error(ValueError):
    """These bytes are no HDF5 file that a Keras wrote; the message says why, to follow the file's name."""


class Hdf5Node:
    """A group or an array, with text attributes; its members are opened when they are asked for.

    Attributes:
        path: where it is in the file, for messages.
        is_group: whether it has members; an array has none.
    """

    def __init__(self, source: "_Bytes", address: int, path: str):
        source.claim(address, path)
        self.path = path
        self._source = source
        self._messages = list(source.messages(address))
        self._found: dict[str, int] | None = None
        kinds = {kind for kind, _ in self._messages}
        if kinds & {_LINK, _LINK_INFO}:
            raise Hdf5Error(f"has links in {path} of a kind that Keras never writes: links are not followed")
        if _EXTERNAL_FILES in kinds:
            raise Hdf5Error(f"keeps {path} in another file: other files are not opened")
        if _FILTERS in kinds:
            raise Hdf5Error(f"stores {path} compressed, as Keras never does; save the model again with Keras")
        if not kinds & {_SYMBOL_TABLE, _LAYOUT}:
            raise Hdf5Error(f"is damaged: {path} is neither a group nor an array")
        self.is_group = _SYMBOL_TABLE in kinds

    def names(self) -> list[str]:
        """Return the names of the members of a group."""
        return list(self._members())

    def child(self, name: str) -> "Hdf5Node":
        """Return the member `name`; Hdf5Error if there is none."""
        path = f"{self.path.rstrip('/')}/{name}"
        if name not in self._members():
            raise Hdf5Error(f"is damaged: it has no {path}")
        return Hdf5Node(self._source, self._members()[name], path)

    def group(self, name: str) -> "Hdf5Node":
        """Return the member `name`; Hdf5Error if there is none or it is not a group."""
        child = self.child(name)
        if not child.is_group:
            raise Hdf5Error(f"holds {child.path}, which should be a group")
        return child

    def array(self, name: str) -> np.ndarray:
        """Return the values of the member `name`, in native byte order, float16, float32 or float64 as stored.

        Raises:
            Hdf5Error: there is no such member, or it is not an array of floats in one piece.
        """
        child = self.child(name)
        if child.is_group:
            raise Hdf5Error(f"holds {child.path}, which should be an array")
        return child.values()

    def text(self, attribute: str, longest: int = _LONGEST_TEXT) -> list[str] | None:
        """Return the strings of a text attribute, one for a scalar; None if there is no such attribute.

        Raises:
            Hdf5Error: it is broken, not text, or has a string of more than `longest` bytes.
        """
        for kind, body in self._messages:
            if kind == _ATTRIBUTE:
                name, datatype, dataspace, value = _attribute_parts(body)
                if name == attribute:
                    return self._strings(datatype, _shape(dataspace), value, longest)
        return None

    def _members(self) -> dict[str, int]:
        if self._found is None:
            self._found = self._source.members(*_unpack(_TWO_NUMBERS, self._first(_SYMBOL_TABLE)))
        return self._found

    def values(self) -> np.ndarray:
        """Return the values of an array as `array` does."""
        dtype = self._dtype()
        shape = _shape(self._first(_DATASPACE))
        size = math.prod(shape) * dtype.itemsize
        layout = self._first(_LAYOUT)
        if bytes(layout[:2]) != _STORED_IN_ONE_PIECE:
            raise Hdf5Error(
                f"stores {self.path} in chunks or virtually, as Keras never does; "
                "save the model again with Keras"
            )
        address, stored = _unpack(_TWO_NUMBERS, layout[2:])
        if size == 0 or stored != size or address == UNDEFINED_ADDRESS:
            raise Hdf5Error(f"declares {self.path} of shape {shape}, {size} bytes, and does not hold that much")
        values = np.frombuffer(self._source.view(address, size, is_array=True), dtype).reshape(shape)
        return values.astype(dtype.newbyteorder("="))

    def _dtype(self) -> np.dtype:
        datatype = self._first(_DATATYPE)
        head, bits, size = _unpack(_TYPE_HEAD, datatype)
        if head & 15 != _FLOAT_CLASS:
            raise Hdf5Error(f"holds {self.path}, which is not of floating-point numbers")
        order = bits[0] & 1
        expected_bits = bytes([_IMPLIED_LEADING_BIT | order, (size * 8 - 1) & 255, 0])
        if bits != expected_bits or _IEEE.get(size) != _unpack(_FLOAT, datatype[_TYPE_HEAD.size :]):
            raise Hdf5Error(f"holds {self.path} in a floating-point format other than 16, 32 or 64 bits IEEE")
        return np.dtype(f"{'>' if order else '<'}f{size}")

    def _first(self, wanted: int) -> memoryview:
        """Return the body of the only message of a kind; of symbol tables, the first."""
        bodies = [body for kind, body in self._messages if kind == wanted]
        if not bodies or (len(bodies) > 1 and wanted != _SYMBOL_TABLE):
            raise Hdf5Error(f"is damaged: the description of {self.path} is broken")
        return bodies[0]

    def _strings(
        self, datatype: memoryview, shape: tuple[int, ...], value: memoryview, longest: int
    ) -> list[str]:
        count = math.prod(shape)
        if count == 0:
            return []
        head, bits, size = _unpack(_TYPE_HEAD, datatype)
        if size == 0 or count * size > len(value):
            raise Hdf5Error(f"is damaged: an attribute of {self.path} is cut short")
        cells = [value[start : start + size] for start in range(0, count * size, size)]
        if head & 15 == _STRING_CLASS:
            return [_decoded(cell) for cell in cells]
        if head & 15 == _VARIABLE_CLASS and bits[0] & 15 == 1:
            return [self._source.collected_text(cell, longest) for cell in cells]
        raise Hdf5Error(f"has an attribute of {self.path} that is not text")


def read_hdf5(data: bytes) -> Hdf5Node:
    """Return the root group of an HDF5 file in memory.

    Raises:
        Hdf5Error: here or later, from whatever part is broken or of a kind that Keras does not write.
    """
    source = _Bytes(data)
    root = Hdf5Node(source, source.root_address(), "/")
    if not root.is_group:
        raise Hdf5Error("is damaged: it has no root group")
    return root


class _Bytes:
    """The bytes of a file, and what was read of them so far.

    An address with a flipped bit often points at some other part of the file. So the bytes of an array may
    serve nothing else, and an object has one path.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._reads = 0
        self._structure: list[tuple[int, int]] = []
        self._arrays: list[tuple[int, int]] = []
        self._paths: dict[int, str] = {}
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}

    def view(self, offset: int, size: int, is_array: bool = False) -> memoryview:
        """Return bytes of the structure or of an array; Hdf5Error if they are outside or serve another part."""
        self._reads += 1
        if self._reads > _MOST_READS:
            raise Hdf5Error("is damaged: its parts point at each other without end")
        end = offset + size
        if end > len(self._data):
            raise Hdf5Error(f"is cut short or damaged: it points at byte {end} and has {len(self._data)}")
        if is_array and len(self._arrays) == _MOST_ARRAYS:
            raise Hdf5Error(f"holds more than {_MOST_ARRAYS} arrays, more than any model of this kind")
        taken = self._arrays + self._structure if is_array else self._arrays
        if any(offset < other_end and other < end for other, other_end in taken):
            raise Hdf5Error("is damaged: two of its parts lie over each other")
        (self._arrays if is_array else self._structure).append((offset, end))
        return memoryview(self._data)[offset:end]

    def claim(self, address: int, path: str) -> None:
        """Note that `path` leads to the object at `address`; Hdf5Error if another path does too."""
        if self._paths.setdefault(address, path) != path:
            raise Hdf5Error(f"is damaged: {path} and {self._paths[address]} are one object")

    def unpack(self, layout: struct.Struct, offset: int) -> tuple:
        """Return the fields of `layout` from `offset` on."""
        return layout.unpack(self.view(offset, layout.size))

    def root_address(self) -> int:
        """Return where the header of the root group is; Hdf5Error if this is not an HDF5 file we read."""
        if self._data[: len(SIGNATURE)] != SIGNATURE:
            raise Hdf5Error("is neither HDF5 nor a .keras archive" if self._data else "is empty")
        _, version, offset_size, length_size, *_, base, _, end, _ = self.unpack(_SUPERBLOCK, 0)
        if version != 0 or (offset_size, length_size) != (8, 8) or base != 0:
            raise Hdf5Error(
                "is HDF5 in a newer or rarer style than Keras writes; save the model again with Keras"
            )
        if end > len(self._data):
            raise Hdf5Error(f"is cut short: it should have {end} bytes and has {len(self._data)}")
        return self.unpack(_TWO_NUMBERS, _SUPERBLOCK.size)[1]

    def messages(self, address: int) -> Iterator[tuple[int, memoryview]]:
        """Yield the type number and the body of each message of the object header at `address`."""
        version, count, _, size = self.unpack(_OBJECT_HEADER, address)
        if version != 1:
            raise Hdf5Error("is damaged, or HDF5 in a newer style than Keras writes")
        blocks = [(address + _OBJECT_HEADER.size, size)]
        for start, length in blocks:
            position, end = start, start + length
            while position + _MESSAGE.size <= end and count:
                count -= 1
                kind, body_size, flags = self.unpack(_MESSAGE, position)
                body = self.view(position + _MESSAGE.size, body_size)
                position += _MESSAGE.size + body_size
                if kind == _CONTINUATION:
                    blocks.append(self.unpack(_TWO_NUMBERS, position - body_size))
                elif flags & _SHARED:
                    raise Hdf5Error("shares a type between its arrays, which Keras never writes")
                else:
                    yield kind, body

    def members(self, tree_address: int, heap_address: int) -> dict[str, int]:
        """Return the names in a symbol table group and the addresses of their object headers.

        Args:
            tree_address: of the B-tree whose leaves list the members.
            heap_address: of the local heap that holds their names.
        """
        signature, version, names_size, _, names = self.unpack(_HEAP, heap_address)
        if signature != b"HEAP" or version != 0:
            raise Hdf5Error("is damaged: the names of a group are missing")
        self.view(names, names_size)
        members: dict[str, int] = {}
        for leaf in self._leaves(tree_address, level=None):
            signature, version, count = self.unpack(_SYMBOLS, leaf)
            if signature != b"SNOD" or version != 1:
                raise Hdf5Error("is damaged: a part of a group is missing")
            for number in range(count):
                name_offset, address, cache = self.unpack(_SYMBOL, leaf + _SYMBOLS.size + _SYMBOL.size * number)
                name = self._name(names + name_offset)
                if cache == _SOFT_LINK:
                    raise Hdf5Error(f"has a soft link, {name!r}: links are not followed")
                if name in members:
                    raise Hdf5Error(f"is damaged: it has two members {name!r} in one group")
                members[name] = address
        return members

    def _name(self, offset: int) -> str:
        end = self._data.find(b"\0", offset, offset + _LONGEST_NAME)
        if end < 0:
            raise Hdf5Error("is damaged: a name in it has no end")
        return _decoded(self.view(offset, end - offset))

    def _leaves(self, address: int, level: int | None) -> list[int]:
        signature, kind, found_level, count = self.unpack(_TREE, address)
        is_right_level = found_level <= _DEEPEST_TREE if level is None else found_level == level
        if signature != b"TREE" or kind != 0 or not is_right_level:
            raise Hdf5Error("is damaged: the list of a group's members is broken")
        # Keys and children alternate, beginning with a key.
        places = [address + _TREE.size + 8 + 16 * number for number in range(count)]
        children = [int.from_bytes(self.view(place, 8), "little") for place in places]
        if found_level == 0:
            return children
        return [leaf for child in children for leaf in self._leaves(child, found_level - 1)]

    def collected_text(self, reference: memoryview, longest: int) -> str:
        """Return a string of variable length, object `index` of the global heap collection at `address`."""
        length, address, index = _unpack(_TEXT_REFERENCE, reference)
        if length == 0:
            return ""
        if address not in self._collections:
            self._collections[address] = self._collection(address)
        offset, stored = self._collections[address].get(index, (0, 0))
        if length > min(stored, longest):
            raise Hdf5Error("is damaged: the text of an attribute is missing")
        return _decoded(self.view(offset, length))

    def _collection(self, address: int) -> dict[int, tuple[int, int]]:
        """Return where each object of a global heap collection is, and its size."""
        signature, version, size = self.unpack(_COLLECTION, address)
        if signature != b"GCOL" or version != 1:
            raise Hdf5Error("is damaged: the text of an attribute is missing")
        self.view(address, size)
        found = {}
        position, end = address + _COLLECTION.size, address + size
        while position + _COLLECTED.size <= end:
            index, stored = self.unpack(_COLLECTED, position)
            if index == 0:
                break
            position += _COLLECTED.size
            found[index] = (position, stored)
            position += -(-stored // 8) * 8
        return found


def _decoded(text: memoryview) -> str:
    """Return UTF-8 `text` without the zeros that pad it; Hdf5Error if it isn't UTF-8."""
    try:
        return bytes(text).rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        raise Hdf5Error("is damaged: a name in it is not text") from None


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
    return _decoded(name), datatype, dataspace, body[position:]
