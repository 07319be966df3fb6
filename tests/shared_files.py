"""Where the developers' golden results and data lie; tests that need them skip where they are missing."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def shared(relative: str) -> Path:
    """Return the path of a shared file, or skip the test if this machine has none."""
    root = Path(os.environ.get("NCF_SHARED", PROJECT.parent / "shared"))
    path = root / relative
    if not path.exists():
        pytest.skip(f"needs {relative} of the developers' shared files (NCF_SHARED names their folder)")
    return path
