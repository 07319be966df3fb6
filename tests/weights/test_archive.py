"""`.keras` archives from strangers."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.weights import read_weight_file
from tests.weights.small_models import arrays, assert_equal_bits, small_model, written

WEIGHTS, CONFIG = "model.weights.h5", "config.json"


@pytest.fixture
def archive(tmp_path):
    return written(small_model("NeuMF"), "keras3.keras", tmp_path)


def members(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def rewrite(path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in contents.items():
            file.writestr(name, content)


def without_names(weights: bytes) -> bytes:
    """Return a weight file as Keras before 3.6 wrote it: its groups don't tell the names of the layers."""
    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "a") as file:
        for group in file["layers"].values():
            del group["vars"].attrs["name"]
    return buffer.getvalue()


def test_an_archive_zipped_again_loads(archive):
    rewrite(archive, members(archive), zipfile.ZIP_DEFLATED)
    assert_equal_bits(read_weight_file(archive).layers, arrays(small_model("NeuMF")))


def test_the_configuration_names_the_layers_of_older_archives(archive):
    contents = members(archive)
    contents[WEIGHTS] = without_names(contents[WEIGHTS])
    rewrite(archive, contents)
    assert_equal_bits(read_weight_file(archive).layers, arrays(small_model("NeuMF")))


def test_an_older_archive_with_layers_that_the_configuration_lacks(archive):
    contents = members(archive)
    contents[WEIGHTS] = without_names(contents[WEIGHTS])
    config = json.loads(contents[CONFIG])
    config["config"]["layers"] = [
        layer for layer in config["config"]["layers"] if layer["config"]["name"] != "prediction"
    ]
    contents[CONFIG] = json.dumps(config).encode()
    rewrite(archive, contents)
    with pytest.raises(InputError, match="does not name its layers"):
        read_weight_file(archive)


def test_code_in_the_configuration_is_not_run(archive, tmp_path):
    """A Lambda layer, and a class of some module: `load_model` of an unsafe Keras would run them."""
    contents = members(archive)
    config = json.loads(contents[CONFIG])
    config["config"]["layers"].append(
        {
            "module": "os",
            "class_name": "system",
            "registered_name": "os>system",
            "config": {"name": f"touch {tmp_path / 'ran'}", "function": {"class_name": "__lambda__"}},
        }
    )
    contents[CONFIG] = json.dumps(config).encode()
    rewrite(archive, contents)
    assert_equal_bits(read_weight_file(archive).layers, arrays(small_model("NeuMF")))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (CONFIG, b"{", "not JSON"),
        (CONFIG, b"\xff\xfe", "not JSON"),
        (CONFIG, b"[" * 100_000, "not JSON"),
        (CONFIG, b"[]", "functional"),
        (CONFIG, b'{"config": {"layers": [{"class_name": 1, "config": {"name": "x"}}]}}', "functional"),
        (CONFIG, b'{"config": {"layers": 3}}', "functional"),
        (WEIGHTS, b"pickled things", "neither HDF5"),
        (WEIGHTS, b"", "is empty"),
    ],
)
def test_refuses_broken_members(archive, name, content, reason):
    rewrite(archive, members(archive) | {name: content})
    with pytest.raises(InputError, match=reason):
        read_weight_file(archive)


@pytest.mark.parametrize("missing", [WEIGHTS, CONFIG])
def test_refuses_archives_of_other_things(archive, missing):
    contents = members(archive)
    del contents[missing]
    rewrite(archive, contents)
    with pytest.raises(InputError, match=f"0 files '{missing}'"):
        read_weight_file(archive)


def test_refuses_two_files_of_one_name(archive):
    """Which of the two is read would depend on the reader."""
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(archive, "a") as file:
        file.writestr(CONFIG, b"{}")
    with pytest.raises(InputError, match="2 files"):
        read_weight_file(archive)


def test_refuses_a_zip_bomb(archive):
    contents = members(archive) | {WEIGHTS: bytes(200_000_000)}
    rewrite(archive, contents, zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="out of proportion"):
        read_weight_file(archive)


def test_refuses_a_bomb_that_lies_about_its_size(archive):
    """The declared size is small, the packed stream is not."""
    content = bytes(50_000_000)
    rewrite(archive, members(archive) | {WEIGHTS: content}, zipfile.ZIP_DEFLATED)
    lie = archive.read_bytes().replace(len(content).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    archive.write_bytes(lie)
    with pytest.raises(InputError, match="damaged zip"):
        read_weight_file(archive)


def test_refuses_an_unusual_compression(archive):
    rewrite(archive, members(archive), zipfile.ZIP_LZMA)
    with pytest.raises(InputError, match="in a way that Keras never does"):
        read_weight_file(archive)


def test_refuses_an_encrypted_member(archive):
    data = bytearray(archive.read_bytes())
    # The flag bits of each local header and of each entry of the directory.
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(signature, place + 4)
    archive.write_bytes(data)
    with pytest.raises(InputError, match="encrypted"):
        read_weight_file(archive)


def test_the_order_of_the_groups_does_not_matter(archive):
    """The same groups made in another order: the names decide."""
    contents = members(archive)
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(contents[WEIGHTS]), "r") as old, h5py.File(buffer, "w") as new:
        for number, name in enumerate(sorted(old["layers"], reverse=True)):
            old.copy(old[f"layers/{name}"], new.require_group("layers"), name=f"layer_{number}")
    rewrite(archive, contents | {WEIGHTS: buffer.getvalue()})
    found = read_weight_file(archive).layers
    assert_equal_bits(found, arrays(small_model("NeuMF")))
    assert not np.array_equal(found["mf_embedding_user"][0][:5], found["mf_embedding_item"][0])
