"""What does not fit is refused, unless the check is lifted."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ncf_keras.base import memory
from ncf_keras.base.errors import InputError
from tests.shared_files import PROJECT


def test_what_is_free_is_no_more_than_the_machine_has():
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert 0 < memory.free_memory() <= total


def test_more_than_that_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 1_500_000)
    memory.require_memory(1_500_000, "it")
    with pytest.raises(
        InputError, match=r"^it must fit .*--no_memory_check.* Received: about 1.6 MB, where 1.5 MB"
    ):
        memory.require_memory(1_600_000, "it")
    with memory.memory_checked(False):
        memory.require_memory(10**18, "it")
    with pytest.raises(InputError):
        memory.require_memory(10**18, "it")
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    memory.require_memory(10**18, "on a system that does not tell")


def test_a_limit_of_the_process_and_of_its_container_count(tmp_path):
    code = "from ncf_keras.base.memory import free_memory; print(free_memory())"
    limit = 1 << 30
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert 0 < int(done.stdout) < limit
    for name, text in (
        ("max", "1000\n"),
        ("now", "900\n"),
        ("stat", "anon 1\ninactive_file 300\n"),
        ("no", "max\n"),
    ):
        (tmp_path / name).write_text(text)
    assert memory._of_container(*(str(tmp_path / name) for name in ("max", "now", "stat"))) == 400
    assert memory._of_container(*(str(tmp_path / name) for name in ("no", "now", "stat"))) is None
    assert memory._of_container("/absent", "/absent", "/absent") is None


@pytest.mark.parametrize(("count", "words"), [
    (0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (68_700_000_000, "68.7 GB"), (10**20, "1e+05 PB"),
])  # fmt: skip
def test_bytes_in_words(count, words):
    assert memory.in_words(count) == words
