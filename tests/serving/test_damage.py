"""A damaged export is refused by TensorFlow's C++ loader, whichever file is hit."""

import shutil

import pytest
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.serving.seal import verify
from tests.serving.cpp_loader import CppModel, Refused

FILES = (
    "saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001",
    "assets/seal", "assets.extra/tf_serving_warmup_requests", "assets.extra/stages.json",
)  # fmt: skip


@pytest.fixture
def copy(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "1")


def test_these_are_all_files(exported):
    found = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert found == set(FILES)


def flipped(good, generator):
    place = int(generator.integers(len(good)))
    return good[:place] + bytes([good[place] ^ int(generator.integers(1, 256))]) + good[place + 1 :]


def assert_refused(path, directory, damaged):
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(Refused):
            CppModel(directory).close()


@pytest.mark.parametrize("file", FILES)
def test_with_any_file_damaged_or_missing_it_is_refused(file, copy, generator):
    good = (copy / file).read_bytes()
    assert_refused(copy / file, copy, [b"", good[:-1], bytes(len(good)), flipped(good, generator)])
    (copy / file).unlink()
    with pytest.raises(Refused):
        CppModel(copy)
    with pytest.raises(InputError, match=r"must be a whole export"):
        verify(copy)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_with_any_of_many_bytes_flipped_it_is_refused(file, copy, generator):
    good = (copy / file).read_bytes()
    assert_refused(copy / file, copy, (flipped(good, generator) for _ in range(100)))


@pytest.mark.parametrize("file", ["saved_model.pb", "assets/seal", "variables/variables.index"])
def test_a_file_of_another_export_is_refused(file, copy, exported_mlp):
    shutil.copy(exported_mlp / file, copy / file)
    with pytest.raises(Refused):
        CppModel(copy)


def test_the_loader_says_why(copy):
    (copy / "assets.extra/tf_serving_warmup_requests").write_bytes(b"x")
    with pytest.raises(Refused, match=r"This export is damaged: a file is not as it was written"):
        CppModel(copy)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"This export is damaged"):
        tf.saved_model.load(str(copy))
