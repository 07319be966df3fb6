"""`ncf --version`: what runs here, for a report of a problem."""

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from ncf_keras.base.version import __version__
from ncf_keras.cli.console import import_tensorflow_quietly


def print_versions() -> None:
    """Print the versions of the package and of what it stands on, then the devices, a line each.

    The versions come at once. The devices are TensorFlow's, whose import takes seconds.
    """
    for line in _lines():
        print(line, flush=True)


def _lines() -> Iterator[str]:
    yield f"ncf_keras {__version__}"
    yield f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield f"TensorFlow {_installed('tensorflow')}"
    yield f"Keras {_installed('keras')}"
    yield f"CPU: {_processor()}, {os.cpu_count()} cores"
    try:
        gpus = import_tensorflow_quietly(_gpus) or ["none that TensorFlow can use"]
    except ImportError as error:
        gpus = [f"unknown, because TensorFlow can't be imported ({error})"]
    yield from (f"GPU: {gpu}" for gpu in gpus)


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return the name of the processor: on Linux from the kernel, because Python knows only its kind."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
