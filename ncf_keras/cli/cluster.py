"""`--strategy`: which processes and devices train together; reads `TF_CONFIG` before TensorFlow's import."""

import json
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError

if TYPE_CHECKING:
    import argparse

    from ncf_keras.training.engines.workers import Workers

EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """The place of this process among those that train.

    Attributes:
        strategy: `none`, `mirrored` or `multiworker`.
        num_workers: number of worker processes.
        index: of this one; 0 is the chief, which alone prints and writes.
    """

    strategy: str
    num_workers: int = 1
    index: int = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process decides, prints and writes."""
        return self.index == 0

    def start(self) -> "Workers | None":
        """Return the replicas, once all workers are connected; must precede TensorFlow's first operation."""
        if self.strategy == "none":
            return None
        from ncf_keras.training.engines.workers import cluster_workers, mirrored_workers

        if self.strategy == "mirrored":
            return mirrored_workers()
        # Python handles no Ctrl-C while TensorFlow waits for the other workers, so it ends the process at once.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            return cluster_workers()
        finally:
            signal.signal(signal.SIGINT, before)


def read_cluster(flags: "argparse.Namespace") -> Cluster:
    """Return the cluster that `--strategy` and `TF_CONFIG` describe.

    Raises:
        InputError: `TF_CONFIG` is missing or wrong, or other flags do not allow several replicas.
    """
    if flags.strategy == "none":
        return Cluster("none")
    if flags.engine != "compiled":
        raise InputError(f"`--engine` must be compiled with `--strategy`. Received: {flags.engine!r}")
    if flags.sampler == "device":
        raise InputError("`--sampler` must be host or auto with `--strategy`. Received: 'device'")
    if flags.strategy == "mirrored":
        return Cluster("mirrored")
    if flags.seed is None:
        raise InputError(
            "`--seed` must be given, the same for all workers, with `--strategy multiworker`. Received: none"
        )
    return parse_cluster(os.environ.get("TF_CONFIG", ""))


def parse_cluster(text: str) -> Cluster:
    """Return the cluster that the text of `TF_CONFIG` describes: workers, the first of them the chief.

    Raises:
        InputError: it is not of that form.
    """
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        addresses, index = jobs["worker"], task["index"]
        understood = (
            list(jobs) == ["worker"]
            and task["type"] == "worker"
            and all(isinstance(address, str) and ":" in address for address in addresses)
            and len(addresses) == len(set(addresses)) > 0
            and type(index) is int
            and 0 <= index < len(addresses)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        understood = False
    if not understood:
        raise InputError(
            f"`TF_CONFIG` must name the workers, each once, and which of them this is, such as {EXAMPLE}, "
            f"with `--strategy multiworker`. Received: {text[:200]!r}"
        )
    return Cluster("multiworker", len(addresses), index)
