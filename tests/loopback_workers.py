"""Worker processes of one cluster on this machine, for tests."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.shared_files import PROJECT


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that were free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def workers(count: int, command: Sequence[object]) -> Iterator[list[subprocess.Popen]]:
    """Run a Python command as each worker of a cluster; workers that still run at the end are killed."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    processes = []
    try:
        for index in range(count):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            processes.append(start(command, TF_CONFIG=json.dumps(task)))
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


def start(command: Sequence[object], **environment: str) -> subprocess.Popen:
    """Start a Python command with pipes for its output."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
