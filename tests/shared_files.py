"""Where the files that tests compare with lie: golden results here, the developers' larger files elsewhere."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def golden(name: str) -> Path:
    """Return the path of a golden result, which every clone has; its README says what they are."""
    return PROJECT / "tests" / "golden" / name


def shared(relative: str) -> Path:
    """Return the path of a shared file, or skip the test if this machine has none."""
    root = Path(os.environ.get("NCF_SHARED", PROJECT.parent / "shared"))
    path = root / relative
    if not path.exists():
        pytest.skip(f"needs {relative} of the developers' shared files (NCF_SHARED names their folder)")
    return path
