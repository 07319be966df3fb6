"""The bytes of an HDF5 file, every access checked: bounds, object headers, groups.

Why not h5py: an HDF5 file may name other files to open (external and soft links, external and virtual storage),
and a few flipped bits make the HDF5 library crash or hang now and then, which takes the whole process with it.
This reader knows the one dialect that h5py writes by default, and so the one that every Keras has written:
superblock 0, version 1 object headers, symbol table groups. All else is refused, so nothing outside of the
bytes can be reached.

Source: "HDF5 File Format Specification Version 3.0", The HDF Group.
"""

import struct
from typing import NamedTuple

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED_ADDRESS = 2**64 - 1

# A weight file takes some hundreds of reads; a file whose parts point at each other in circles takes no end.
_MOST_READS = 20_000
_MOST_ARRAYS = 200
_LONGEST_NAME = 1024
_LONGEST_TEXT = 2**16
# With 32 children a node, more members than any file holds.
_DEEPEST_TREE = 12

_SUPERBLOCK = struct.Struct("<8s B 4x B B x 2H I 4Q")
_ROOT_ENTRY = struct.Struct("<2Q")
_OBJECT_HEADER = struct.Struct("<B x H I I 4x")
_MESSAGE = struct.Struct("<2H B 3x")
_TWO_ADDRESSES = struct.Struct("<2Q")
_TREE = struct.Struct("<4s 2B H 16x")
_HEAP = struct.Struct("<4s B 3x 2Q Q")
_SYMBOLS = struct.Struct("<4s B x H")
_SYMBOL = struct.Struct("<2Q I")

_COLLECTION = struct.Struct("<4s B 3x Q")
_COLLECTED = struct.Struct("<H 6x Q")

_CONTINUATION = 0x10
_SHARED = 0b10
_SOFT_LINK = 2


class Hdf5Error(ValueError):
    """These bytes are no HDF5 file that a Keras wrote; the message says why, to follow the file's name."""


class Message(NamedTuple):
    """One message of an object header: its type number and its body."""

    type: int
    body: memoryview


class Hdf5Bytes:
    """The bytes of a file, and what was read of them so far.

    An address with a flipped bit often points at some other part of the file. So the bytes of an array may
    serve nothing else, and an object has one path.

    Args:
        data: the whole file.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._reads = 0
        self._structure: list[tuple[int, int]] = []
        self._arrays: list[tuple[int, int]] = []
        self._paths: dict[int, str] = {}
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}

    def view(self, offset: int, size: int) -> memoryview:
        """Return `size` bytes of the file's structure; Hdf5Error if they are outside of it or in an array."""
        piece = self._piece(offset, size)
        self._require_apart(offset, size, self._arrays)
        self._structure.append((offset, offset + size))
        return piece

    def array_view(self, offset: int, size: int) -> memoryview:
        """Return the bytes of an array; Hdf5Error if they are outside of the file or serve something else."""
        piece = self._piece(offset, size)
        if len(self._arrays) == _MOST_ARRAYS:
            raise Hdf5Error(f"holds more than {_MOST_ARRAYS} arrays, more than any model of this kind")
        self._require_apart(offset, size, self._arrays)
        self._require_apart(offset, size, self._structure)
        self._arrays.append((offset, offset + size))
        return piece

    def _piece(self, offset: int, size: int) -> memoryview:
        self._reads += 1
        if self._reads > _MOST_READS:
            raise Hdf5Error("is damaged: its parts point at each other without end")
        if offset + size > len(self._data):
            raise Hdf5Error(
                f"is cut short or damaged: it points at byte {offset + size} and has {len(self._data)}"
            )
        return memoryview(self._data)[offset : offset + size]

    @staticmethod
    def _require_apart(offset: int, size: int, taken: list[tuple[int, int]]) -> None:
        for start, end in taken:
            if offset < end and start < offset + size:
                raise Hdf5Error("is damaged: two of its parts lie over each other")

    def claim_object(self, address: int, path: str) -> None:
        """Note that `path` leads to the object at `address`; Hdf5Error if another path does too."""
        if self._paths.setdefault(address, path) != path:
            raise Hdf5Error(f"is damaged: {path} and {self._paths[address]} are one object")

    def unpack(self, layout: struct.Struct, offset: int) -> tuple:
        """Return the fields of `layout` from `offset` on."""
        return layout.unpack(self.view(offset, layout.size))

    def name(self, offset: int) -> str:
        """Return the zero-terminated name at `offset`."""
        end = self._data.find(b"\0", offset, offset + _LONGEST_NAME)
        if end < 0:
            raise Hdf5Error("is damaged: a name in it has no end")
        return decoded(self.view(offset, end - offset))

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
        return self.unpack(_ROOT_ENTRY, _SUPERBLOCK.size)[1]

    def messages(self, address: int) -> list[Message]:
        """Return the messages of the object header at `address`."""
        version, count, _, size = self.unpack(_OBJECT_HEADER, address)
        if version != 1:
            raise Hdf5Error("is damaged, or HDF5 in a newer style than Keras writes")
        blocks = [(address + _OBJECT_HEADER.size, size)]
        messages = []
        for start, length in blocks:
            position, end = start, start + length
            while position + _MESSAGE.size <= end and count:
                count -= 1
                kind, body_size, flags = self.unpack(_MESSAGE, position)
                body = self.view(position + _MESSAGE.size, body_size)
                position += _MESSAGE.size + body_size
                if kind == _CONTINUATION:
                    blocks.append(self.unpack(_TWO_ADDRESSES, position - body_size))
                elif flags & _SHARED:
                    raise Hdf5Error("shares a type between its arrays, which Keras never writes")
                else:
                    messages.append(Message(kind, body))
        return messages

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
        members = {}
        for leaf in self._leaves(tree_address, level=None):
            signature, version, count = self.unpack(_SYMBOLS, leaf)
            if signature != b"SNOD" or version != 1:
                raise Hdf5Error("is damaged: a part of a group is missing")
            for number in range(count):
                place = leaf + _SYMBOLS.size + 40 * number
                name_offset, address, cache = self.unpack(_SYMBOL, place)
                name = self.name(names + name_offset)
                if cache == _SOFT_LINK:
                    raise Hdf5Error(f"has a soft link, {name!r}: links are not followed")
                if name in members:
                    raise Hdf5Error(f"is damaged: it has two members {name!r} in one group")
                members[name] = address
        return members

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

    def collected_text(self, length: int, address: int, index: int) -> str:
        """Return a string of variable length.

        Args:
            length: in bytes.
            address: of the global heap collection that holds it.
            index: its number in there.
        """
        if length == 0:
            return ""
        if address not in self._collections:
            self._collections[address] = self._collection(address)
        offset, stored = self._collections[address].get(index, (0, 0))
        if length > min(stored, _LONGEST_TEXT):
            raise Hdf5Error("is damaged: the text of an attribute is missing")
        return decoded(self.view(offset, length))

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


def decoded(text: memoryview | bytes) -> str:
    """Return UTF-8 `text` without the zeros that pad it; Hdf5Error if it isn't UTF-8."""
    try:
        return bytes(text).rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        raise Hdf5Error("is damaged: a name in it is not text") from None
