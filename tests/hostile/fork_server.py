"""Commands in processes forked from one that has imported all they need, so that each starts at once.

The server runs no operation of TensorFlow itself: that would start threads, which a fork does not copy.
"""

import contextlib
import faulthandler
import fcntl
import importlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
NOBODY = 65534
TRAINED = ("GMF", "MLP", "NeuMF")
OTHERS = ("evaluate", "compare", "convert", "recommend", "export", "prepare", "download", "plot", "update")
# What commands import in functions, beyond what a first run of them does.
IMPORTED = ("encodings.idna", "encodings.ascii", "encodings.latin_1", "encodings.unicode_escape", "linecache",
            "traceback", "tokenize", "gettext", "locale", "gzip", "bz2", "lzma", "tempfile", "glob", "fcntl",
            "urllib.request", "http.client", "zipfile", "csv", "json", "secrets", "multiprocessing.util",
            "concurrent.futures.thread", "concurrent.futures.process")  # fmt: skip
LOG = "user,item,timestamp\nann,a,1\nann,b,2\n007,c,3\n007,b,4\n007,d,5\ncleo,c,6\n"
STREAMS = ("file", "closed", "full", "broken")


class Ended(NamedTuple):
    """A command that has ended: its status, negative for a signal, None if it did not end in time."""

    status: int | None
    out: bytes
    err: bytes
    seconds: float


class ForkServer:
    """A process that forks commands, one at a time; a context manager.

    Args:
        with_tensorflow: import it, which takes seconds.
    """

    def __init__(self, with_tensorflow: bool = True):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = str(PROJECT)
        words = [sys.executable, "-m", "tests.hostile.fork_server", *["tensorflow"] * with_tensorflow]
        # Nothing is read ahead, so that `select` knows whether a line waits.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(words, cwd=PROJECT, env=environment, bufsize=0, **pipes)
        assert self._process.stdout.readline() == b"ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *error: object):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(self, command, arguments, directory, streams, attach=None, limit=60.0, **request):
        """Run a command to its end and return how it ended.

        Args:
            command: `GMF`, `evaluate` and so on.
            arguments: its command line.
            directory: where it runs.
            streams: a directory for the files of its standard streams and its temporary ones.
            attach: called with the process's number before the command begins.
            limit: seconds, after which it is killed.
            request: `stdin`, `stdout` and `stderr`: one of `STREAMS`; `nobody`: run without root's privileges;
                `waits`: how long the command waits for the reader of a pipe.
        """
        gate = Path(streams) / "gate"
        if attach:
            os.mkfifo(gate)
        request |= {"command": command, "arguments": [str(one) for one in arguments]}
        request |= {"directory": str(directory), "streams": str(streams), "gate": str(gate) if attach else None}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        number = int(self._process.stdout.readline())
        started = time.monotonic()
        if attach:
            # The command has the gate open when this returns, so that nothing of the kind is traced.
            with gate.open("wb", buffering=0) as opened:
                attach(number)
                opened.write(b"!")
        in_time = bool(select.select([self._process.stdout], [], [], limit)[0])
        if not in_time:
            # It may end at this very moment.
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGUSR1)
                time.sleep(0.5)
                os.killpg(number, signal.SIGKILL)
        status = int(self._process.stdout.readline())
        out, err, stack = (_content(Path(streams) / name) for name in ("stdout", "stderr", "stack"))
        return Ended(status if in_time else None, out, err + stack, time.monotonic() - started)


def _content(file):
    return file.read_bytes() if file.exists() else b""


def serve() -> None:
    """Answer requests on standard input until it ends."""
    with_tensorflow = "tensorflow" in sys.argv
    for name in (*IMPORTED, *_modules(with_tensorflow)):
        importlib.import_module(name)
    mains = dict(_mains(with_tensorflow))
    for name in _imported_by(mains):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    replies.write("ready\n")
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(mains, request)
        replies.write(f"{child}\n")
        replies.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        replies.flush()


def _modules(with_tensorflow: bool) -> tuple[str, ...]:
    light = ("pandas", "scipy.sparse", "numpy.random", "ncf_keras.data.prepare", "ncf_keras.data.logs.log")
    return (*light, "tensorflow", "keras", "h5py", "pyarrow.parquet", "ncf_keras.training", "ncf_keras.weights",
            "ncf_keras.recommending", "ncf_keras.serving.export", "ncf_keras.evaluation", "scipy.stats",
            "tensorboard", "matplotlib.figure") if with_tensorflow else light  # fmt: skip


def _imported_by(mains) -> list[str]:
    """Return the modules that a run of each command imports, which `nobody` may not be able to read."""
    with tempfile.TemporaryDirectory() as directory, Path(directory, "names").open("w+") as names:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                os.chdir(directory)
                handle = os.open("said", os.O_RDWR | os.O_CREAT)
                os.dup2(handle, 1)
                os.dup2(handle, 2)
                _try_all(mains)
            json.dump(list(sys.modules), names)
            names.flush()
            os._exit(0)
        os.waitpid(child, 0)
        names.seek(0)
        return json.load(names)


def _try_all(mains) -> None:
    Path("log.csv").write_text(LOG)
    data = ["--path", "./", "--dataset", "v"]
    few = ["--epochs", "1", "--out", "0", "--log_csv", "run.csv", "--checkpoint_dir", "ck"]
    lines = [["prepare", "log.csv", "--out", "v", "--negatives", "1"]]
    lines += [["download", "ml-100k", "--path", "log.csv"]]
    if "weights" in mains:
        lines += [
            ["weights", "GMF", "3", "4", "w.h5", "h5"], ["weights", "GMF", "3", "4", "w.keras", "keras"],
            ["GMF", *data, *few, "--tensorboard", "tb", "--export", "ex"], ["GMF", *data, *few, "--resume"],
            ["evaluate", *data, "--weights", "w.h5", "--json", "j"], ["plot", "run.csv"],
            ["evaluate", *data, "--weights", "log.csv"],
            ["compare", *data, "w.h5", "w.keras"], ["convert", "w.h5", "--to", "x.weights.h5"],
            ["recommend", *data, "--popular"], ["recommend", *data, "--weights", "w.h5", "--user", "ann"],
            ["NeuMF", *data, *few, "--engine", "keras"], ["export", *data, "--weights", "w.h5", "--to", "f/x"],
        ]  # fmt: skip
    for command, *arguments in lines:
        with contextlib.suppress(BaseException):
            mains[command](arguments)


def _mains(with_tensorflow: bool):
    from ncf_keras.cli import train

    for kind in TRAINED:
        yield kind, lambda arguments, kind=kind: train.main(kind, arguments)
    for name in OTHERS:
        yield name, importlib.import_module(f"ncf_keras.cli.{name}").main
    if with_tensorflow:
        yield "weights", _write_weights
        yield "verify", _verify


def _write_weights(arguments) -> int:
    """Write an untrained model: kind, users, items, file, format."""
    from ncf_keras.models import ModelSpec
    from ncf_keras.weights import save_weights

    kind, users, items, file, format = arguments
    sizes = {"num_factors": 4} if kind != "MLP" else {}
    sizes |= {"layers": [8, 4]} if kind != "GMF" else {}
    save_weights(ModelSpec(kind, int(users), int(items), **sizes).build(1), file, format)
    return 0


def _verify(directories) -> int:
    """Load exports as a server does; end with 2 unless all are whole."""
    from ncf_keras.cli.console import run_command
    from ncf_keras.serving.seal import verify

    return run_command(lambda: [verify(directory) for directory in directories] and None)


def _run(mains, request) -> None:
    """Be the command, and end."""
    status = 99
    try:
        os.setsid()
        os.chdir(request["directory"])
        temporary = Path(request["streams"]) / "tmp"
        os.environ["TMPDIR"] = str(temporary)
        if request.get("nobody") and os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        _tell_where_it_hangs(Path(request["streams"]) / "stack")
        _open_streams(request)
        _shorten_waits(request.get("waits"))
        _cut_off()
        if request["gate"]:
            gate = os.open(request["gate"], os.O_RDONLY)
            os.read(gate, 1)
            os.close(gate)
        status = mains[request["command"]](request["arguments"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        with contextlib.suppress(Exception):
            sys.stderr.write(traceback.format_exc())
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):
            # What Python ends with when it can't write the last of a stream.
            status = 120
    os._exit(status)


def _tell_where_it_hangs(file: Path) -> None:
    """Write the stack to a file at SIGUSR1."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o644)
    # Far from the numbers of the standard streams, which may be closed.
    high = fcntl.fcntl(handle, fcntl.F_DUPFD, 100)
    os.close(handle)
    faulthandler.register(signal.SIGUSR1, file=high)


def _open_streams(request) -> None:
    """Put files, or what is worse, in place of the standard streams, as a new process would find them."""
    streams = Path(request["streams"])
    files = {0: streams / "stdin", 1: streams / "stdout", 2: streams / "stderr"}
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        kind = request.get(name, "file")
        if kind == "closed":
            os.close(number)
            setattr(sys, name, None)
            continue
        if kind == "broken":
            reader, handle = os.pipe()
            os.close(reader)
        else:
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
            handle = os.open("/dev/full" if kind == "full" else files[number], flags, 0o644)
        os.dup2(handle, number)
        os.close(handle)
        # As Python opens them where the locale is UTF-8.
        binary = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
        buffered = io.BufferedReader(binary) if number == 0 else io.BufferedWriter(binary)
        errors = "backslashreplace" if number == 2 else "strict"
        opened = io.TextIOWrapper(buffered, encoding="utf-8", errors=errors, line_buffering=number == 2)
        setattr(sys, name, opened)


def _shorten_waits(seconds: float | None) -> None:
    import tempfile

    from ncf_keras.base import files

    tempfile.tempdir = None
    if seconds is not None:
        files.WAIT_FOR_READER = files.WAIT_FOR_PROGRESS = seconds


def _cut_off() -> None:
    """Let every publisher of datasets send a few bytes that are wrong."""
    import urllib.request

    class Answer(io.BytesIO):
        status, headers = 200, {}

    urllib.request.urlopen = lambda *arguments, **options: Answer(b"no archive")


if __name__ == "__main__":
    serve()
