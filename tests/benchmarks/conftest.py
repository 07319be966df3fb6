"""Put the folder of the benchmarks on `sys.path`."""

import pytest

from tests.shared_files import PROJECT

SCRIPTS = PROJECT / "run" / "benchmarks"


@pytest.fixture(autouse=True)
def scripts_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
