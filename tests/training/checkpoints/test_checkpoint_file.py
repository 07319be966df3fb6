"""Every bit counts, damage is seen, and a stranger's file can neither run nor exhaust anything."""

import hashlib
import json
import os
import stat
import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from ncf_keras.base.errors import InputError
from ncf_keras.training.checkpoints import Checkpoint, DamagedCheckpoint, read_checkpoint, write_checkpoint
from ncf_keras.training.checkpoints.checkpoint_file import DTYPES

SMALL = Checkpoint(
    {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "epochs": np.array(3)},
    {"best": 0.1, "lines": ["é"]},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


def sealed(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a file with the right checksum around whatever it is given."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = b"NCFCKPT1" + struct.pack("<Q", len(text) if length is None else length) + text + data
    return body + hashlib.sha256(body).digest()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoint") / "a.checkpoint"


@given(
    arrays=st.dictionaries(
        st.text(),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
        ),
        max_size=4,
    ),
    metadata=st.dictionaries(st.text(), JSON, max_size=4),
)
def test_what_is_read_is_what_was_written_bit_for_bit(path, arrays, metadata):
    write_checkpoint(path, Checkpoint(arrays, metadata))
    found = read_checkpoint(path)
    assert found.metadata == metadata
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype and found.arrays[name].shape == array.shape
        assert found.arrays[name].tobytes() == array.tobytes()


def test_any_order_of_memory_and_bytes_can_be_written(path):
    arrays = {"fortran": np.asfortranarray(np.arange(6).reshape(2, 3)), "big": np.arange(3, dtype=">f4")}
    write_checkpoint(path, Checkpoint({**arrays, "slice": np.arange(10)[::3]}))
    found = read_checkpoint(path).arrays
    assert found["fortran"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["big"].tolist() == [0, 1, 2] and found["slice"].tolist() == [0, 3, 6, 9]


def test_the_layout_is_the_documented_one(path):
    write_checkpoint(path, Checkpoint({"a": np.array([1, 256], dtype=np.int16)}, {"x": 1}))
    header = b'{"arrays": [["a", "<i2", [2]]], "metadata": {"x": 1}}'
    assert path.read_bytes() == sealed(header, b"\x01\x00\x00\x01")


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([{}], dtype=object), np.array([1j])])
def test_other_arrays_are_refused_before_anything_is_written(tmp_path, array):
    with pytest.raises(TypeError, match="'a' must hold floats"):
        write_checkpoint(tmp_path / "a.checkpoint", Checkpoint({"a": array}))
    assert list(tmp_path.iterdir()) == []


def test_every_cut_and_every_changed_byte_is_seen(path):
    write_checkpoint(path, SMALL)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(DamagedCheckpoint, match="must be a whole checkpoint"):
                read_checkpoint(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DamagedCheckpoint):
        read_checkpoint(path)


def of(array: object, data: bytes = b"") -> bytes:
    return sealed({"arrays": [array], "metadata": {}}, data)


@pytest.mark.parametrize(("content", "problem"), [
    (sealed([]), "a header without metadata"),
    (sealed({"arrays": [], "metadata": []}), "a header without metadata"),
    (sealed({"metadata": {}}), "a header with an array of no known kind"),
    (sealed(b"not JSON"), "a header that is not JSON"),
    (sealed(b"\xff"), "a header that is not JSON"),
    (sealed(b"[" * 100_000), "a header that is not JSON"),
    (sealed(b"9" * 5_000), "a header "),
    (sealed({"arrays": [], "metadata": {}}, length=2**63), "a header of 9223372036854775808 bytes"),
    (sealed({"arrays": [["a", "<f4", [2**40]]], "metadata": {}}), "0 bytes for arrays of 4398046511104"),
    (of(["a", "<f4", [2**70]]), "no known kind"),
    (of(["a", "<f4", [0, 2**70]]), "no known kind"),
    (of(["a", "<f4", [-1]], b"1234"), "no known kind"),
    (of(["a", "<f4", [True]], b"1234"), "no known kind"),
    (of(["a", "<f4", [1.0]], b"1234"), "no known kind"),
    (of(["a", "<f4", [1] * 65], b"1234"), "no known kind"),
    (of(["a", "|O", [1]], b"12345678"), "no known kind"),
    (of(["a", "O", [1]], b"12345678"), "no known kind"),
    (of(["a", {}, [1]]), "no known kind"),
    (of(["a", "<f4"]), "no known kind"),
    (sealed({"arrays": [["a", "|u1", [1]], ["a", "|u1", [1]]], "metadata": {}}, b"12"), "of one name"),
    (sealed({"arrays": [], "metadata": {}}, b"1"), "1 bytes for arrays of 0"),
    (b"", "0 bytes, too few"),
    (b"\x89HDF\r\n\x1a\n" + bytes(100), "of another kind"),
])  # fmt: skip
def test_a_strangers_file_with_the_right_checksum_is_refused(path, content, problem):
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_checkpoint(path)
    # What can be cut short or has a wrong checksum is damage; the others were written so, and are left alone.
    damaged = (len(content) < 100 and content[:8] != b"NCFCKPT1") or content.startswith(b"\x89HDF")
    assert isinstance(caught.value, DamagedCheckpoint) == damaged
    assert problem in str(caught.value) and str(path) in str(caught.value)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "absent"):
        with pytest.raises(InputError, match=r"must be a (regular )?file") as caught:
            read_checkpoint(tmp_path / name)
        assert not isinstance(caught.value, DamagedCheckpoint)


def test_file_and_directory_are_synced_in_order_and_a_full_disk_leaves_the_old_checkpoint(
    tmp_path, monkeypatch
):
    path, synced, real = tmp_path / "a.checkpoint", [], os.fsync

    def recording(handle):
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))
        if len(synced) == 3:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", recording)
    write_checkpoint(path, SMALL)
    assert synced == [(False, False), (True, True)]  # what a loss of power needs
    with pytest.raises(InputError, match=r"must be a file that can be written\. Received: No space left"):
        write_checkpoint(path, Checkpoint({}, {}))
    assert read_checkpoint(path).metadata == SMALL.metadata
    assert list(tmp_path.iterdir()) == [path]
