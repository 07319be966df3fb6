"""Files of ids, one a line, from a file and from standard input."""

import io
import sys

import pytest

from ncf_keras.cli.id_lines import read_id_lines


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_ids_are_the_same_from_a_file_and_from_standard_input(tmp_path, monkeypatch, mark):
    """With a byte order mark before them too, as some editors and shells write it."""
    content = f"{mark}ann\r\n\r\n  007 \nÜnï x\n".encode()
    (tmp_path / "ids").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
    for file in (str(tmp_path / "ids"), "-"):
        assert read_id_lines(file, "--forget") == ["ann", "007", "Ünï x"]
