"""`ncf prepare` with and without `--memory`, to compare; parts are so small that there are many."""

import contextlib
import io

import numpy as np
import pytest

from ncf_keras.cli import parts
from ncf_keras.cli.prepare import main
from ncf_keras.data.large import preparing, row_marks
from ncf_keras.data.large.budget import Budget


@contextlib.contextmanager
def small_parts(chunk=1000, users=1, window=5):
    """Let a chunk take so many bytes (1000: two rows), a block have so many users, a window so many marks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "of", lambda memory: Budget(chunk, 10**9))
        patch.setattr(parts, "require_memory", lambda needed, what: None)
        patch.setattr(row_marks, "WINDOW", window)
        patch.setattr(preparing, "block_ends", lambda counts, *rest: ends(len(counts), users))
        yield


def ends(number, users):
    """Return where blocks of so many users end."""
    return np.unique(np.append(np.arange(users, number, users), number))


def prepared(folder, arguments, stdin=b""):
    """Return the exit status, what was printed and written, by stream and by suffix."""
    folder.mkdir()
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main([*arguments, "--out", str(folder / "d")])
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    printed = [stream.getvalue().replace(str(folder), "FOLDER") for stream in (out, err)]
    return status, *printed, files


def require_same(folder, arguments, stdin=b"", **sizes):
    """Compare both ways, and return the exit status, what was printed and written."""
    whole = prepared(folder / "whole", arguments, stdin)
    with small_parts(**sizes):
        in_parts = prepared(folder / "parts", [*arguments, "--memory", "4GB"], stdin)
    assert in_parts == whole
    return whole
