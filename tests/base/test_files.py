import concurrent.futures
import contextlib
import os
import stat
import threading

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import remove_leftovers, writable_directory, written_beside


def test_the_file_appears_when_it_is_complete_and_the_old_one_stays_until_then(tmp_path):
    path = tmp_path / "model.h5"
    with written_beside(path) as temporary:
        assert temporary.parent == tmp_path and not temporary.exists()
        temporary.write_text("old")
        assert not path.exists()
    with written_beside(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("written", [False, True])
def test_an_error_leaves_the_old_file_and_no_half_of_the_new_one(tmp_path, written):
    path = tmp_path / "model.h5"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk"), written_beside(path) as temporary:
        if written:
            temporary.write_text("half")
        raise RuntimeError("disk")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_writers_at_once_do_not_meet(tmp_path):
    path = tmp_path / "model.h5"
    ready = threading.Barrier(2)

    def write(text):
        with written_beside(path) as temporary:
            ready.wait(timeout=30)
            temporary.write_text(text)
            ready.wait(timeout=30)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("one", "two")))
    assert path.read_text() in ("one", "two") and list(tmp_path.iterdir()) == [path]


def test_the_suffix_is_kept_for_writers_that_look_at_it_and_the_permissions_are_those_of_any_file(tmp_path):
    umask = os.umask(0o027)
    try:
        for name, keep_suffix, end in (("model.weights.h5", True, ".weights.h5"), ("model.h5", False, ".part")):
            with written_beside(tmp_path / name, keep_suffix) as temporary:
                assert temporary.name.endswith(end)
                temporary.touch()
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "model.h5").stat().st_mode) == 0o640


def test_a_writable_directory_is_made_and_left_empty(tmp_path):
    directory = writable_directory(tmp_path / "a" / "b", "--save_dir")
    assert directory == tmp_path / "a" / "b" and list(directory.iterdir()) == []
    (directory / "kept").write_text("kept")
    assert writable_directory(str(directory), "--save_dir") == directory
    assert (directory / "kept").read_text() == "kept"


@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_a_file_where_a_directory_must_be_is_named_with_its_flag(tmp_path, below):
    (tmp_path / "file").write_text("here first")
    with pytest.raises(InputError, match="`--save_dir` must be a directory that can be written to") as caught:
        writable_directory(f"{tmp_path}/file{below}", "--save_dir")
    assert f"{tmp_path}/file{below}" in str(caught.value)
    assert (tmp_path / "file").read_text() == "here first"


def test_leftovers_of_a_killed_writer_are_removed_and_nothing_else(tmp_path):
    path = tmp_path / "[64,32]_1.h5"
    with contextlib.ExitStack() as stack:
        for file in (path, tmp_path / "[64,32]_12.h5", tmp_path / "6_1.h5", tmp_path / ("x" * 120)):
            stack.enter_context(written_beside(file)).write_text("half")
        path.write_text("whole")
        assert len(list(tmp_path.iterdir())) == 5
        remove_leftovers(path)
        assert len(list(tmp_path.iterdir())) == 4 and path.read_text() == "whole"
        remove_leftovers(tmp_path / ("x" * 120))  # too long to be told from others
        assert len(list(tmp_path.iterdir())) == 4
        with pytest.raises(FileNotFoundError):
            stack.close()


def test_a_long_name_with_dots_can_be_written_and_a_missing_directory_or_one_of_the_name_is_named(tmp_path):
    path = tmp_path / ("a." * 110 + "h5")
    with written_beside(path, keep_suffix=True) as temporary:
        temporary.write_text("")
    assert list(tmp_path.iterdir()) == [path]
    for wrong, rule in (
        ("absent/model.h5", "model.h5 must be a file in a directory that exists"),
        ("", "must be a file that can"),
    ):
        with pytest.raises(InputError, match=rule), written_beside(tmp_path / wrong):
            raise AssertionError("nothing can be written there")
    assert list(tmp_path.iterdir()) == [path]
