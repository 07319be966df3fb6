"""Memory that threads free and get again, counted by the pages that the system filled with zeros."""

import ctypes
import subprocess
import sys

import pytest

from tests.shared_files import PROJECT

# A thread holds ever more, and at each size makes and drops an array of a megabyte, 256 pages, fifty times.
# Prints the most pages that were new at one size.
PROGRAM = """
import resource, sys, threading
import numpy as np
from ncf_keras.base.kept_memory import keep_freed_memory

def new_pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    np.ones(2**21, np.uint8)
    held, most = [], 0
    for _ in range(200):
        held.append(np.ones(2**19, np.uint8))
        before = new_pages()
        for _ in range(50):
            np.ones(2**20, np.uint8)
        most = max(most, new_pages() - before)
    print(most)

if sys.argv[1:]:
    keep_freed_memory()
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def most_new_pages(*arguments):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return int(subprocess.run(command, cwd=PROJECT, capture_output=True, check=True, timeout=60).stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc's allocator alone"
)
def test_an_array_that_is_dropped_and_made_again_takes_no_new_pages():
    assert most_new_pages() > 50 * 256
    assert most_new_pages("keep") < 2 * 256
