"""An epoch of a training that worker processes share; also the program of those that are not the chief.

The chief lives in a process of `_workers.py` and starts the others, each on a core of its own.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# The prefetching of the next epoch must not run into the next contender's time.
SETTLE_SECONDS = 0.3
EPOCHS = 2


class ShardedEpoch:
    """Whole epochs of NeuMF, by one or several processes on one core each.

    Args:
        path, dataset: of the data.
        factors: predictive factors.
        batch_size: examples per step.
        shards: of users; 1 is the compiled engine.
        workers: processes.
    """

    def __init__(self, path: str, dataset: str, factors: int, batch_size: int, shards: int, workers: int):
        settings = {
            "path": path, "dataset": dataset, "factors": factors, "batch_size": batch_size, "shards": shards,
        }  # fmt: skip
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
        others = [_start(settings, addresses, index) for index in range(1, workers)]
        self._engine, cluster, num_examples = _make(settings, addresses, 0)
        if cluster:
            atexit.register(_end, cluster, others)
        self.about = {"examples": num_examples}

    def measure(self) -> dict:
        """Return the seconds of an epoch."""
        time.sleep(SETTLE_SECONDS)
        return {"seconds": seconds_of_epoch(self._engine)}


def seconds_of_epoch(engine: object) -> float:
    """Return the mean seconds of an epoch among others.

    One goes before them that is not timed, so that as many examples are drawn ahead at the beginning as at the
    end.
    """
    engine.train_epoch()
    started = time.perf_counter()
    for _ in range(EPOCHS):
        engine.train_epoch()
    return (time.perf_counter() - started) / EPOCHS


def main(settings: str, addresses: str, index: str) -> None:
    """Carry out the chief's commands until it ends or is gone."""
    engine, cluster, _ = _make(json.loads(settings), json.loads(addresses), int(index))
    from ncf_keras.base.errors import WorkerLost
    from ncf_keras.training.engines.sharded_engine import follow_chief

    try:
        follow_chief(engine, cluster)
    except WorkerLost as error:
        sys.exit(str(error))


def _make(settings: dict, addresses: list[str], index: int) -> tuple:
    """Return the engine of one process, the workers (None if it is alone) and the examples of an epoch."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
    several = len(addresses) > 1
    if several:
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        os.environ["TF_CONFIG"] = json.dumps(task)
    from ncf_keras.cli.console import import_tensorflow_quietly

    cluster = import_tensorflow_quietly(_connected if several else lambda: None)
    from _workloads import LEARNING_RATE, build, load_dataset

    from ncf_keras.sampling import NegativeSampler, ShardedSampler
    from ncf_keras.training import CompiledEngine
    from ncf_keras.training.engines.sharded_engine import ShardedEngine

    data = load_dataset(settings["path"], settings["dataset"])
    model = build("NeuMF", settings["factors"], data.num_users, data.num_items)
    learning = ("adam", LEARNING_RATE, settings["batch_size"])
    if settings["shards"] == 1:
        sampler = NegativeSampler(data, seed=0)
        return CompiledEngine(model, sampler, *learning), cluster, sampler.num_examples
    sampler = ShardedSampler(data, 4, 0, settings["shards"])
    return ShardedEngine(model, sampler, *learning, cluster), cluster, sampler.num_examples


def _connected() -> object:
    from ncf_keras.training.engines.workers import cluster_workers

    return cluster_workers()


def _start(settings: dict, addresses: list[str], index: int) -> subprocess.Popen:
    command = [sys.executable, __file__, json.dumps(settings), json.dumps(addresses), str(index)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _end(cluster: object, others: list[subprocess.Popen]) -> None:
    from ncf_keras.training.engines.sharded_engine import release_workers

    release_workers(cluster)
    for process in others:
        process.wait()


def _free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that were free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    main(*sys.argv[1:])
