"""The HDF5 reader against h5py, and what it must not do for a stranger."""

import io
import re
import string
import struct

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ncf_keras.weights.hdf5 import Hdf5Error, Hdf5Node, read_hdf5


def in_memory(fill, **options) -> bytes:
    """Return the bytes of an HDF5 file that `fill` fills."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


def contents(group: Hdf5Node) -> dict:
    """Return all arrays below a group by path."""
    found = {}
    for name in group.names():
        child = group.child(name)
        found |= contents(child) if child.is_group else {child.path: group.array(name)}
    return found


def h5py_contents(data: bytes) -> dict:
    nodes = {}
    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(nodes.__setitem__)
        return {f"/{name}": node[()] for name, node in nodes.items() if isinstance(node, h5py.Dataset)}


@settings(max_examples=25)
@given(
    arrays=st.dictionaries(
        st.text(string.ascii_letters + "_:é0", min_size=1, max_size=40),
        st.tuples(
            st.lists(st.integers(1, 5), max_size=4), st.sampled_from(["<f4", ">f4", "<f8", ">f8", "<f2", ">f2"])
        ),
        min_size=1,
        max_size=40,
    )
)
def test_reads_the_same_arrays_as_h5py(arrays):
    generator = np.random.default_rng(0)

    def fill(file):
        for number, (name, (shape, dtype)) in enumerate(arrays.items()):
            # Some at the root, some two groups down.
            place = name if number % 2 else f"group/inner {number % 3}/{name}"
            file.create_dataset(place, data=generator.normal(size=shape).astype(dtype))

    data = in_memory(fill)
    found, expected = contents(read_hdf5(data)), h5py_contents(data)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype.newbyteorder("=")


@settings(max_examples=15)
@given(names=st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=50), max_size=40))
def test_reads_the_same_text_as_h5py(names):
    def fill(file):
        file.attrs["filler"] = np.zeros(900)
        if names:
            file.attrs["fixed"] = np.array([name.encode() for name in names])
            file.attrs["variable"] = names
        file.attrs["empty"] = np.zeros(0)
        file.attrs["scalar"] = "prediction"
        file.attrs["null"] = h5py.Empty("S1")

    root = read_hdf5(in_memory(fill))
    if names:
        assert root.text("fixed") == names
        assert root.text("variable") == names
    assert root.text("empty") == []
    assert root.text("null") == []
    assert root.text("scalar") == ["prediction"]
    assert root.text("absent") is None


def virtual(file):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (3,))
    file.create_virtual_dataset("x", layout)


def one_array_under_two_names(file):
    """Many names of one array would take memory without end."""
    file["x"] = np.ones(100, "f4")
    file["y"] = file["x"]


def read_x(root):
    return root.array("x")


REFUSED = {
    "soft link": (lambda file: file.update(x=h5py.SoftLink("/elsewhere")), read_x),
    "links in /": (lambda file: file.update(x=h5py.ExternalLink("elsewhere.h5", "/x")), read_x),
    "newer style|links": (lambda file: file.create_group("x", track_order=True), read_x),
    "another file": (lambda file: file.create_dataset("x", (3,), "f4", external=[("e", 0, 12)]), read_x),
    "in chunks or virtually": (virtual, read_x),
    "compressed": (lambda file: file.create_dataset("x", data=np.ones(99), compression="gzip"), read_x),
    "not of floating-point": (lambda file: file.update(x=np.arange(3)), read_x),
    "does not hold that much": (lambda file: file.create_dataset("x", (10**6, 10**6), "f4"), read_x),
    "and does not hold": (lambda file: file.create_dataset("x", (0, 4), "f4"), read_x),
    "should be an array": (lambda file: file.create_group("x"), read_x),
    "should be a group": (lambda file: file.update(x=np.ones(3)), lambda root: root.group("x")),
    "it has no /x": (lambda file: None, read_x),
    "/y and /x are one object": (one_array_under_two_names, lambda root: [root.array("x"), root.array("y")]),
    "/x/inner and /x are one object": (lambda file: file.update({"x/inner": file.create_group("x")}), contents),
    "not text": (lambda file: file.attrs.update(names=[1.0, 2.0]), lambda root: root.text("names")),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refuses_what_keras_never_writes(reason):
    fill, read = REFUSED[reason]
    data = in_memory(fill)
    with pytest.raises(Hdf5Error, match=reason):
        read(read_hdf5(data))


def test_refuses_the_newer_style_and_very_many_arrays():
    data = in_memory(lambda file: file.update(x=np.ones(3)), libver="latest")
    with pytest.raises(Hdf5Error, match="newer or rarer style"):
        read_hdf5(data)
    data = in_memory(lambda file: file.update({str(number): np.ones(1, "f4") for number in range(201)}))
    with pytest.raises(Hdf5Error, match="more than 200 arrays"):
        contents(read_hdf5(data))


def test_every_damaged_byte_is_told_or_harmless():
    """Each byte of a small file that is not zero, changed in four ways."""

    def fill(file):
        file["group/array"] = np.ones((2, 3), "f4")
        file.attrs["fixed"] = np.array([b"a", b"bc"])
        file.attrs["variable"] = ["d", "ef"]

    data = in_memory(fill)
    reasons = set()
    for place in np.flatnonzero(np.frombuffer(data, np.uint8)).tolist():
        for value in {0, 1, 255, data[place] ^ 32} - {data[place]}:
            try:
                root = read_hdf5(data[:place] + bytes([value]) + data[place + 1 :])
                assert all(array.dtype == "f4" or array.size for array in contents(root).values())
                root.text("fixed"), root.text("variable")
            except Hdf5Error as error:
                reasons.add(re.sub(r"\d+|'.*?'|/\S*", "_", str(error)))
    assert len(reasons) > 20


def test_parts_without_end_and_a_root_that_is_an_array_are_refused():
    addresses = []

    def fill(file):
        file["x"] = np.zeros(100_000, "f4")
        addresses.extend(h5py.h5o.get_info(node.id).addr for node in (file, file["x"]))

    data = in_memory(fill)
    # The header of the root; and the entry that leads to it.
    for place, layout, values, reason in (
        (addresses[0], "<BxHII", (1, 65_535, 1, 2**20), "point at each other without end"),
        (64, "<Q", addresses[1:], "it has no root group"),
    ):
        changed = bytearray(data)
        struct.pack_into(layout, changed, place, *values)
        with pytest.raises(Hdf5Error, match=reason):
            read_hdf5(bytes(changed))
