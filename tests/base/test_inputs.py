"""What is no regular file is named and never waited for."""

import os
import socket

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of, open_input, reason_of


@pytest.fixture
def places(tmp_path):
    """One of each kind, by what the errors call it."""
    (tmp_path / "file").write_bytes(b"content")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        yield {
            "a file": tmp_path / "file",
            "a directory": tmp_path,
            "a pipe": tmp_path / "pipe",
            "a socket": tmp_path / "socket",
            "a device": "/dev/zero",
        }


def test_a_file_is_read_through_a_link_and_everything_else_is_named(places, tmp_path):
    (tmp_path / "link").symlink_to("file")
    for kind, path in places.items():
        assert kind_of(path) == kind
        if kind == "a socket":
            continue
        if kind == "a file":
            for name in ("file", "link"):
                with open_input(tmp_path / name) as file:
                    assert file.read() == b"content"
        else:
            with pytest.raises(
                InputError, match=f"^`--x` must be a regular file. Received: {path}, which is {kind}$"
            ):
                open_input(path, "`--x`")
    with pytest.raises(InputError, match=r"socket must be a file that can be read. Received: No such device"):
        open_input(places["a socket"])


def test_what_is_missing_is_nothing_and_what_cannot_be_looked_at_is_a_sentence(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert kind_of(tmp_path / "absent") is None and kind_of(tmp_path / "file" / "below") is None
    for path, reason in ((tmp_path / ("x" * 300), "File name too long"), (tmp_path / "loop", "Too many levels"),
                         ("nul\0", "embedded null")):  # fmt: skip
        with pytest.raises(InputError, match=f"^`--x` must be a path that can be looked at. .*{reason}"):
            kind_of(path, "`--x`")
        with pytest.raises(InputError, match=f"must be a file that can be read. Received: .*{reason}"):
            open_input(path)


def test_the_reason_is_the_system_s_without_the_path():
    assert reason_of(FileNotFoundError(2, "No such file", "here")) == "No such file"
    assert reason_of(OSError("words alone")) == "words alone"
    assert reason_of(EOFError()) == "EOFError"
