import os
import signal
import subprocess
import sys
import threading

import pytest

from ncf_keras.base.interrupts import Interrupts
from tests.shared_files import PROJECT

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_is_remembered_and_the_handlers_come_back(number, capfd):
    before = [signal.getsignal(each) for each in BOTH]
    with Interrupts() as interrupts:
        assert interrupts.received is None
        os.kill(os.getpid(), number)
        assert interrupts.received is number
        # A second one would end the process.
        assert [signal.getsignal(each) for each in BOTH] == [signal.SIG_DFL] * 2
    assert [signal.getsignal(each) for each in BOTH] == before
    assert capfd.readouterr().err == (
        "Stopping as soon as the running steps are done; once more stops at once.\n"
    )


@pytest.mark.parametrize("number", BOTH)
def test_the_second_signal_ends_the_process(number):
    code = (
        "import os, sys; from ncf_keras.base.interrupts import Interrupts\n"
        "with Interrupts():\n"
        "    os.kill(os.getpid(), int(sys.argv[1])); print('still here', flush=True)\n"
        "    os.kill(os.getpid(), int(sys.argv[1])); print('never here', flush=True)"
    )
    command = [sys.executable, "-c", code, str(int(number))]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == -number and ended.stdout == "still here\n"


def test_outside_the_main_thread_nothing_is_handled():
    found = []
    thread = threading.Thread(target=lambda: found.append(Interrupts().__enter__().received))
    thread.start()
    thread.join()
    assert found == [None]
