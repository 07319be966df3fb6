"""Put the folder of the experiments on `sys.path`."""

import pytest

from tests.shared_files import PROJECT


@pytest.fixture(autouse=True)
def scripts_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT / "run" / "experiments"))
