"""`.keras` archives from strangers."""

import io
import json
import re
import zipfile

import h5py
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.weights import read_weight_file
from tests.weights.small_models import arrays, assert_equal_bits, small_model, written

WEIGHTS, CONFIG = "model.weights.h5", "config.json"
MODEL = small_model("NeuMF", 6, 6)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """What is in the archive that Keras writes of MODEL, by name."""
    with zipfile.ZipFile(written(MODEL, "keras3.keras", tmp_path_factory.mktemp("archive"))) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(path, contents: dict[str, bytes | None], compression: int = zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in contents.items():
            if content is not None:
                file.writestr(name, content)
    return path


def without_names(weights: bytes) -> bytes:
    """Return a weight file as Keras before 3.6 wrote it: its groups don't tell the names of the layers."""
    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "a") as file:
        for group in file["layers"].values():
            del group["vars"].attrs["name"]
    return buffer.getvalue()


def in_another_order(weights: bytes) -> bytes:
    """Return the same groups made in another order, under other names."""
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(weights), "r") as old, h5py.File(buffer, "w") as new:
        for number, name in enumerate(sorted(old["layers"], reverse=True)):
            old.copy(old[f"layers/{name}"], new.require_group("layers"), name=f"layer_{number}")
    return buffer.getvalue()


STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@pytest.mark.parametrize(
    ("change", "compression"), [(bytes, DEFLATED), (without_names, STORED), (in_another_order, STORED)]
)
def test_the_names_decide(members, change, compression, tmp_path):
    path = zipped(tmp_path / "m.keras", members | {WEIGHTS: change(members[WEIGHTS])}, compression)
    assert_equal_bits(read_weight_file(path).layers, arrays(MODEL))


def test_an_older_archive_with_layers_that_the_configuration_lacks(members, tmp_path):
    config = json.loads(members[CONFIG])
    layers = config["config"]["layers"]
    config["config"]["layers"] = [layer for layer in layers if layer["config"]["name"] != "prediction"]
    contents = members | {WEIGHTS: without_names(members[WEIGHTS]), CONFIG: json.dumps(config).encode()}
    with pytest.raises(InputError, match="which is which can't be told"):
        read_weight_file(zipped(tmp_path / "m.keras", contents))


def test_code_in_the_configuration_is_not_run(members, tmp_path):
    """A Lambda layer, and a class of some module: `load_model` of an unsafe Keras would run them."""
    config = json.loads(members[CONFIG])
    inner = {"name": f"touch {tmp_path / 'ran'}", "function": {"class_name": "__lambda__"}}
    outer = {"module": "os", "class_name": "system", "registered_name": "os>system", "config": inner}
    config["config"]["layers"].append(outer)
    path = zipped(tmp_path / "m.keras", members | {CONFIG: json.dumps(config).encode()})
    assert_equal_bits(read_weight_file(path).layers, arrays(MODEL))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("changes", "compression", "reason"), [
    ({CONFIG: b"{"}, STORED, "not JSON"),
    ({CONFIG: b"\xff\xfe"}, STORED, "not JSON"),
    ({CONFIG: b"[" * 100_000}, STORED, "not JSON"),
    ({CONFIG: b"[]"}, STORED, "functional"),
    ({CONFIG: b'{"config": {"layers": [{"class_name": 1, "config": {"name": 2}}]}}'}, STORED, "functional"),
    ({CONFIG: b'{"config": {"layers": 3}}'}, STORED, "functional"),
    ({CONFIG: None}, STORED, f"0 files '{CONFIG}'"),
    ({WEIGHTS: b"pickled things"}, STORED, "neither HDF5"),
    ({WEIGHTS: b""}, STORED, "is empty"),
    ({WEIGHTS: None}, STORED, f"0 files '{WEIGHTS}'"),
    ({WEIGHTS: bytes(20_000_000)}, DEFLATED, "out of proportion"),
    ({}, zipfile.ZIP_LZMA, "in a way that Keras never does"),
])  # fmt: skip
def test_refuses_what_is_no_proper_archive(members, changes, compression, reason, tmp_path):
    path = zipped(tmp_path / "m.keras", members | changes, compression)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InputError, match=reason):
        read_weight_file(path)


def test_refuses_two_files_of_one_name(members, tmp_path):
    """Which of the two is read would depend on the reader."""
    path = zipped(tmp_path / "m.keras", members)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr(CONFIG, b"{}")
    with pytest.raises(InputError, match="2 files"):
        read_weight_file(path)


@pytest.mark.parametrize("declared", [1000, 20_004])
def test_refuses_a_member_that_lies_about_its_size(members, tmp_path, declared):
    """The packed stream is longer, or shorter, than it says."""
    path = zipped(tmp_path / "m.keras", members | {WEIGHTS: bytes(20_003)}, DEFLATED)
    size, lie = ((number).to_bytes(4, "little") for number in (20_003, declared))
    path.write_bytes(path.read_bytes().replace(size, lie))
    with pytest.raises(InputError, match="damaged zip"):
        read_weight_file(path)


def test_refuses_an_encrypted_member(members, tmp_path):
    path = zipped(tmp_path / "m.keras", members)
    # The flag bits of each local header and of each entry of the directory.
    flags = re.compile(rb"(PK\x03\x04..|PK\x01\x02....).", re.DOTALL)
    path.write_bytes(flags.sub(lambda found: found[1] + b"\x01", path.read_bytes()))
    with pytest.raises(InputError, match="encrypted"):
        read_weight_file(path)
