"""Processes that hold contenders: each with its own number of threads, PyTorch apart from TensorFlow.

A worker reads a JSON line, carries it out, and answers with a JSON line. Only the one that was asked works,
so contenders of several processes can be measured in turn.
"""

import gc
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ncf_keras.base.errors import InputError


class Worker:
    """A process of its own; a context manager.

    Args:
        environment: variables to set in it.
    """

    def __init__(self, environment: dict[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def make(self, name: str, kind: str, **arguments: object) -> dict:
        """Make a contender, one of those in `_contenders.py`, and return its `about`."""
        return self._ask("make", name, {"kind": kind, **arguments})

    def measure(self, name: str, **arguments: object) -> dict:
        """Have a contender measure itself once and return what it measured."""
        return self._ask("measure", name, arguments)

    def drop(self, name: str) -> None:
        """Delete a contender to free its memory."""
        self._ask("drop", name, {})

    def _ask(self, verb: str, name: str, arguments: dict) -> dict:
        self._process.stdin.write(json.dumps([verb, name, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The process of {name} ended while it should {verb}; its error stands above.")
        answer = json.loads(answer)
        if "error" in answer:
            raise InputError(answer["error"])
        return answer

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stdin.close()
        if error:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Here:
    """The contenders of one process, behind a `Worker` or in a test; it ignores the environment."""

    def __init__(self, environment: dict[str, str] | None = None):
        self._contenders = {}

    def make(self, name: str, kind: str, **arguments: object) -> dict:
        """See `Worker.make`."""
        import _contenders

        self._contenders[name] = getattr(_contenders, kind)(**arguments)
        return self._contenders[name].about

    def measure(self, name: str, **arguments: object) -> dict:
        """See `Worker.measure`."""
        return self._contenders[name].measure(**arguments)

    def drop(self, name: str) -> dict:
        """See `Worker.drop`."""
        del self._contenders[name]
        gc.collect()
        return {}

    def __enter__(self) -> "Here":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._contenders.clear()


def serve() -> None:
    """Answer on standard output, which nothing else in this process may write to."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    here = Here()
    for line in sys.stdin:
        verb, name, arguments = json.loads(line)
        try:
            answer = getattr(here, verb)(name, **arguments)
        except InputError as error:
            answer = {"error": str(error)}
        except Exception:
            traceback.print_exc()
            return
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
