"""Small runs that are stopped at chosen moments, and what must be the same at their end."""

import csv
import os
import signal

import h5py

from ncf_keras.training import CompiledEngine


class Killed(BaseException):
    """Raised to simulate a kill; nothing catches it."""


def at_program(monkeypatch, number, action):
    """Call `action` when the compiled engine has run that many programs, in all epochs together."""
    train_stack, calls = CompiledEngine.train_stack, []

    def counting(self, *arguments):
        result = train_stack(self, *arguments)
        calls.append(None)
        if len(calls) == number:
            action()
        return result

    monkeypatch.setattr(CompiledEngine, "train_stack", counting)


def die():
    """End a command as a kill would."""
    raise Killed


def send(number: signal.Signals):
    """Return a function that sends this process a signal."""
    return lambda: os.kill(os.getpid(), number)


def weights_in(path):
    """Return the arrays of an HDF5 file by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {})
        )
    return found


def rows_without_clock(path):
    """Return the rows of a `--log_csv` file without the two columns of seconds."""
    with path.open(newline="") as file:
        return [row[:4] for row in csv.reader(file)]


def assert_same_end(result, expected):
    """Compare the lines of a run and the weights it saved with those of another."""
    assert result.status == expected.status == 0, result.errors
    assert result.without_clock() == expected.without_clock()
    one, other = weights_in(result.saved()), weights_in(expected.saved())
    assert one.keys() == other.keys() and one
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name
