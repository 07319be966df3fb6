"""Compile `serving_loader.cc` against the TensorFlow wheel and run it: exports served without Python."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from ncf_keras.base.errors import InputError

SOURCE = Path(__file__).with_name("serving_loader.cc")
PROGRAM = "serving_loader"


def compile_loader(directory: Path) -> Path:
    """Compile the program into a directory and return its path; it takes about 15 seconds.

    Raises:
        InputError: there is no C++ compiler, or it fails.
    """
    import tensorflow as tf

    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise InputError("A C++ compiler must be installed (`g++`, or that which CXX names). Received: none")
    libraries = tf.sysconfig.get_lib()
    program = directory / PROGRAM
    command = [
        compiler, "-O1", "-w", *tf.sysconfig.get_compile_flags(), str(SOURCE), "-o", str(program), "-pthread",
        # Session factories register themselves when the library is loaded: link it, though nothing names it.
        "-Wl,--no-as-needed", *tf.sysconfig.get_link_flags(), "-l:libtensorflow_cc.so.2",
        f"-Wl,-rpath,{libraries}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{SOURCE.name} must compile. Received: {done.stderr[-2000:]}")
    return program


def answer(program: Path, export: Path, signature: str, rows: int, k: int) -> dict[str, list[str]]:
    """Return the values of each output, row after row, for the indices 0, 1, …; a negative k: no k."""
    words = ("answer", signature, rows, k)
    lines = _run(program, export, 1, *words).splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def measure(
    program: Path,
    export: Path,
    signature: str,
    rows: int = 1,
    *,
    clients: int = 1,
    seconds: float = 3,
    threads: int = 1,
    users: int = 0,
) -> dict[str, float]:
    """Ask from `clients` threads for `seconds`; `serving_loader.cc` describes the result.

    Args:
        program: of `compile_loader`.
        export: directory of a version.
        signature: one without k.
        rows: of each call.
        clients: threads that ask.
        seconds: for how long.
        threads: of the session.
        users: of so many indices each call asks for others; 0: all calls ask for the same.
    """
    words = ("measure", signature, rows, -1, clients, seconds, users)
    return json.loads(_run(program, export, threads, *words))


def _run(program: Path, export: Path, threads: int, *words: object) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [str(program), str(export), str(threads), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{PROGRAM} failed: {done.stderr[-2000:]}")
    return done.stdout
