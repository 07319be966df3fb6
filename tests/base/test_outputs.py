"""An output that is no regular file is written into, and what a link leads to is replaced."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ncf_keras.base import files
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import (
    OutputStream,
    removed_if_unused,
    require_output,
    tensorflow_directory,
    written_beside,
)
from tests.shared_files import PROJECT


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def write(path, text="text"):
    with written_beside(path) as temporary:
        temporary.write_text(text)


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for name in ("there", "new"):
        (tmp_path / name).symlink_to(f"elsewhere/{name}")
    (tmp_path / "elsewhere" / "there").write_text("old")
    before = (tmp_path / "elsewhere" / "there").stat().st_ino
    for name in ("there", "new"):
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink() and (tmp_path / "elsewhere" / name).read_text() == "text"
    assert (tmp_path / "elsewhere" / "there").stat().st_ino != before, "replaced, not written over"
    assert names(tmp_path / "elsewhere") == ["new", "there"]


def test_a_device_and_a_pipe_are_written_into(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    long = "long" * 50_000  # more than a pipe holds
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write(pipe, long)
    reader.join()
    assert got == [long] and pipe.is_fifo() and names(tmp_path) == ["pipe"]
    write("/dev/null")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space left"):
        write("/dev/full")


def test_a_pipe_without_a_reader_or_with_one_who_sleeps_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WAIT_FOR_READER", 0.01)
    monkeypatch.setattr(files, "WAIT_FOR_PROGRESS", 0.05)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):
        write(pipe)
    sleeping = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(TimeoutError, match="nobody reads it"):
        write(pipe, "x" * 200_000)
    os.close(sleeping)


def test_where_standard_output_goes_is_written_into_in_order(tmp_path):
    code = (
        "from ncf_keras.base.files import written_beside\n"
        "print('before')\n"
        "with written_beside({!r}) as file: file.write_text('between\\n')\n"
        "print('after')\n"
    )
    out = tmp_path / "out.txt"
    for name in ("/dev/stdout", str(out)):
        with out.open("w") as stream:
            subprocess.run([sys.executable, "-c", code.format(name)], stdout=stream, cwd=PROJECT, check=True)
        assert out.read_text() == "before\nbetween\nafter\n" and names(tmp_path) == ["out.txt"]


def test_a_socket_and_a_directory_are_no_outputs(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path, kind in ((tmp_path / "socket", "a socket"), (tmp_path, "a directory")):
            with pytest.raises(
                InputError, match=rf"^`--x` must be a file that can be written. Received: .*, {kind}$"
            ):
                require_output(path, "`--x`")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everything")
def test_a_protected_file_is_not_replaced(tmp_path):
    (tmp_path / "file").touch(0o400)
    with pytest.raises(InputError, match="which is protected"):
        require_output(tmp_path / "file")


def test_a_stream_keeps_the_old_content_until_it_is_written_and_others_out_until_it_is_closed(tmp_path):
    path = tmp_path / "log"
    path.write_text("old and long")
    with OutputStream(path, "--log_csv") as first:
        assert path.read_text() == "old and long"
        with pytest.raises(InputError, match=r"^`--log_csv` must be a file that no other command writes. Rec"):
            OutputStream(path, "--log_csv")
        first.write("new\n")
        first.write("é\n")
        assert path.read_text(encoding="utf-8") == "new\né\n"
    with OutputStream(path, "--log_csv") as second:
        second.write("")
    assert path.read_text() == ""
    with OutputStream("/dev/null", "--log_csv") as one, OutputStream("/dev/null", "--log_csv") as other:
        one.write("x")
        other.write("y")
    with pytest.raises(
        InputError, match=r"^`--log_csv` must be a file that can be written. Received: .*, a dir"
    ):
        OutputStream(tmp_path, "--log_csv")


def test_tensorflow_takes_only_paths_in_utf8(tmp_path):
    with pytest.raises(InputError, match=r"^`--to` must be a path in UTF-8"):
        tensorflow_directory(tmp_path / os.fsdecode(b"\xff"), "--to")
    assert tensorflow_directory(tmp_path / "é" / "x", "--to").is_dir()


def test_directories_that_were_made_and_not_used_are_removed(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("there", "new/model", "used/model"):
        with pytest.raises(InputError), removed_if_unused(tmp_path / name):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            if name.startswith("used"):
                (tmp_path / "used/file").write_text("")
            raise InputError("no")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "there", "used"]
