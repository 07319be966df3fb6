"""Parts of the lists of all users as tasks of Ray: a part is made again where its worker dies.

Started alone, Ray begins on this machine; with `RAY_ADDRESS` in the environment the tasks go to that cluster,
whose machines must see the same files under the same names.
"""

import argparse
import functools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import memory_checked

if TYPE_CHECKING:
    from ncf_keras.recommending.all_users import AllUsers

# How often a part is begun anew after its worker has died.
TRIES = 10
# A worker is a core: TensorFlow in it takes one thread. Of GPUs it sees none.
ENVIRONMENT = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}


def require_ray() -> Any:
    """Return the module; InputError if it is not installed."""
    try:
        import ray
    except ImportError:
        raise InputError(
            "`--engine ray` must have Ray installed: pip install 'ncf-keras[ray]'. Received: no such library"
        ) from None
    return ray


def parts_by_ray(flags: argparse.Namespace, parts: Sequence[int]) -> Iterator[int]:
    """Yield the numbers of parts as they are made, in the order in which they come.

    Raises:
        InputError: a worker could not make a part, or workers died too often.
    """
    if not parts:
        return
    ray = require_ray()
    _connect(ray, flags.workers)
    make = ray.remote(num_cpus=1, max_retries=TRIES)(_make_part)
    values = json.dumps(_with_whole_paths(flags))
    at_once = flags.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting = list(reversed(parts))
    running: list[Any] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(make.remote(values, waiting.pop()))
            done, running = ray.wait(running)
            yield ray.get(done[0])
    except ray.exceptions.RayTaskError as error:
        raise (error.cause if isinstance(error.cause, InputError | OSError) else error) from None
    except ray.exceptions.RayError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"`--engine ray` must have workers that live. Received: {reason}") from None
    finally:
        ray.shutdown()


def _connect(ray: Any, workers: int | None) -> None:
    started = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": ENVIRONMENT}, **started)
    except (ray.exceptions.RayError, ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"`--engine ray` must find or start a cluster. Received: {reason}") from None


def _with_whole_paths(flags: argparse.Namespace) -> dict[str, Any]:
    """Return the flags as JSON values, for a worker that runs in another directory."""
    from ncf_keras.cli.paths import InputFile, OutputFile

    values = {
        name: str(Path(value).absolute()) if isinstance(value, InputFile | OutputFile) and value else value
        for name, value in vars(flags).items()
    }
    # What stands before the dataset's name; a slash at its end is part of it.
    if not Path(flags.path).is_absolute():
        values["path"] = f"{Path.cwd()}{os.sep}{flags.path}"
    return values


def _make_part(values: str, part: int) -> int:
    """Make a part in a worker and return its number."""
    with memory_checked(not json.loads(values)["no_memory_check"]):
        _opened(values).write(part)
    return part


@functools.lru_cache(maxsize=1)
def _opened(values: str) -> "AllUsers":
    """Return what makes the parts; a worker reads model and data once."""
    from ncf_keras.cli.all_lists import open_all_lists

    return open_all_lists(argparse.Namespace(**json.loads(values)), threads=1)
