import contextlib
import os
import stat
import threading

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import remove_leftovers, writable_directory, written_beside


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path):
    for path in (tmp_path / "model.h5", tmp_path / ("a." * 110 + "h5")):
        for old, new in ((None, "first"), ("first", "second")):
            with written_beside(path) as temporary:
                assert temporary.parent == tmp_path and not temporary.exists() and temporary.suffix == ".part"
                temporary.write_text(new)
                assert (path.read_text() if path.exists() else None) == old
            assert path.read_text() == new
        assert list(tmp_path.iterdir()) == [path]
        path.unlink()


@pytest.mark.parametrize("written", [False, True])
def test_an_error_leaves_the_old_file_and_no_half_of_the_new_one(tmp_path, written):
    path = tmp_path / "model.h5"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk"), written_beside(path) as temporary:
        if written:
            temporary.write_text("half")
        raise RuntimeError("disk")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_at_once_do_not_meet(tmp_path):
    path = tmp_path / "model.h5"
    ready = threading.Barrier(2)

    def write(text):
        with written_beside(path) as temporary:
            ready.wait(timeout=30)
            temporary.write_text(text)
            ready.wait(timeout=30)

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ("one", "two")
    assert list(tmp_path.iterdir()) == [path]


def test_suffix_and_permissions_are_those_of_any_new_file(tmp_path):
    umask = os.umask(0o027)
    try:
        with written_beside(tmp_path / "model.weights.h5", keep_suffix=True) as temporary:
            assert temporary.name.endswith(".weights.h5")  # for writers that look at it
            temporary.touch()
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "model.weights.h5").stat().st_mode) == 0o640


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(InputError, match="absent must be a directory that can be written to"):  # noqa: SIM117
        with written_beside(tmp_path / "absent" / "model.h5"):
            raise AssertionError("nothing can be written there")
    assert list(tmp_path.iterdir()) == []


def test_a_writable_directory_is_made_and_left_empty(tmp_path):
    directory = writable_directory(tmp_path / "a" / "b", "--save_dir")
    assert directory == tmp_path / "a" / "b" and list(directory.iterdir()) == []
    (directory / "kept").write_text("kept")
    assert writable_directory(str(directory), "--save_dir") == directory
    assert (directory / "kept").read_text() == "kept"
    for path in (f"{directory}/kept", f"{directory}/kept/deeper/still"):
        with pytest.raises(InputError, match="`--save_dir` must be a directory that can be written") as caught:
            writable_directory(path, "--save_dir")
        assert path in str(caught.value)
    assert (directory / "kept").read_text() == "kept"


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
