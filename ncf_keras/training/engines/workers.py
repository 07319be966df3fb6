"""The replicas that train together: devices of one machine, or worker processes, through `tf.distribute`."""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.base.kept_memory import keep_freed_memory

# The errors that a collective operation may raise when another worker is gone.
SIGNS_OF_LOSS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


class Workers:
    """All replicas of one training.

    Args:
        strategy: `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy`.

    Attributes:
        devices: of this process, one for each of its replicas.
        numbers: of the replicas of this process, among all.
        count: number of replicas in all processes.
        is_chief: whether this process decides, prints and writes.
        several: whether there are other worker processes.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.devices: Sequence[str | None] = strategy.extended.worker_devices
        self.count = strategy.num_replicas_in_sync
        resolver = strategy.cluster_resolver
        self.several = self.count > len(self.devices)
        self.is_chief = not self.several or resolver.task_id == 0
        # Python ints, because inside a tf.function the replica's number is only available as a tensor.
        self._numbers = strategy.experimental_distribute_values_from_function(
            lambda context: context.replica_id_in_sync_group
        )
        self.numbers = [int(number) for number in strategy.experimental_local_results(self._numbers)]

    def run(self, function: Callable[..., tf.Tensor], arguments: tuple) -> tf.Tensor:
        """Run a function on each replica of this process, inside a tf.function; return the first one's result.

        Args:
            function: of the replica's number among all, from 0, and `arguments`.
            arguments: the same for all replicas of this process.
        """
        results = self._strategy.run(function, (self._numbers, *arguments))
        return self._strategy.experimental_local_results(results)[0]

    def total(self, value: tf.Tensor) -> tf.Tensor:
        """Return the sum of the values of all replicas; inside `run`, and called by all of them."""
        # `identity` places the value on this replica's device; the strategy puts the sum where the value is.
        return tf.distribute.get_replica_context().all_reduce("SUM", tf.identity(value))

    def gathered(self, value: tf.Tensor) -> tf.Tensor:
        """Return the values of all replicas, each of shape (1, n); inside `run`, and called by all of them."""
        values = tf.distribute.get_replica_context().all_gather(tf.identity(value), 0)
        return tf.ensure_shape(values, [self.count, value.shape[1]])

    def from_chief(self, value: tf.Tensor) -> tf.Tensor:
        """Return the chief's `value` on every worker; see `summed`, on the others any value will do."""
        return self.summed(value if self.is_chief else tf.zeros_like(value))

    def summed(self, value: tf.Tensor) -> tf.Tensor:
        """Return the sum of the values of all workers on each; a collective that all workers must call.

        Args:
            value: float or int64, of the same shape and dtype on all workers.

        Raises:
            WorkerLost: another worker is gone.
        """
        if not self.several:
            return value
        with self.in_words():
            return self._sum(value)

    def require_same(self, text: str) -> None:
        """Raise InputError unless all workers pass the same text; a collective that all workers must call.

        Raises:
            InputError: on all workers, if one passes another text than the chief.
            WorkerLost: another worker is gone.
        """
        mine = tf.constant(int(hashlib.sha256(text.encode()).hexdigest()[:15], 16), tf.int64)
        differs = int(mine != self.from_chief(mine))
        with self.in_words():
            differing = int(self._sum(tf.constant(differs, tf.int64)))
        if differing:
            raise InputError(
                "Flags, data and program must be the same for all workers. "
                f"Received: others than the chief's on {differing} of them"
            )

    @tf.function(autograph=False)
    def _sum(self, value: tf.Tensor) -> tf.Tensor:
        def first_replica_only(number: int) -> tf.Tensor:
            return self.total(value if number % len(self.devices) == 0 else tf.zeros_like(value))

        return self.run(first_replica_only, ())

    @contextlib.contextmanager
    def in_words(self) -> Iterator[None]:
        """Turn TensorFlow's errors about a lost worker into `WorkerLost`."""
        try:
            yield
        except SIGNS_OF_LOSS as error:
            if not self.several:
                raise
            raise WorkerLost(f"another worker is gone ({_reason(error)})") from error


class Alone(Workers):
    """One replica in this process, which exchanges nothing."""

    def __init__(self) -> None:
        self.devices, self.numbers, self.count = (None,), [0], 1
        self.is_chief, self.several = True, False

    def run(self, function: Callable[..., tf.Tensor], arguments: tuple) -> tf.Tensor:
        """Return the function's result."""
        return function(0, *arguments)

    def total(self, value: tf.Tensor) -> tf.Tensor:
        """Return the value."""
        return value

    def gathered(self, value: tf.Tensor) -> tf.Tensor:
        """Return the value."""
        return value


def mirrored_workers() -> Workers:
    """Return a replica for each GPU, or, without a GPU, two replicas on the CPU.

    Without a GPU it must be called before TensorFlow's first operation.

    Raises:
        InputError: TensorFlow has run already, so that the CPU can't be shared.
    """
    if tf.config.list_physical_devices("GPU"):
        return Workers(tf.distribute.MirroredStrategy())
    cpu = tf.config.list_physical_devices("CPU")[0]
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(devices) < 2:
        raise InputError(
            "`strategy` must be chosen before TensorFlow's first operation to share the CPU. Received: mirrored"
        )
    return Workers(tf.distribute.MirroredStrategy(devices[:2]))


def cluster_workers() -> Workers:
    """Return the worker processes that `TF_CONFIG` names, once all of them are connected.

    Must be called before TensorFlow's first operation. A worker that dies is noticed at once by its connection,
    one that stops answering by TensorFlow's coordination service.

    Raises:
        WorkerLost: a worker did not connect, or disconnected again.
    """
    # A worker has many threads for one core: a tenth of an epoch went into mapping and unmapping their heaps.
    keep_freed_memory()
    try:
        return Workers(tf.distribute.MultiWorkerMirroredStrategy())
    except tf.errors.OpError as error:
        raise WorkerLost(f"the workers of `TF_CONFIG` did not come together: {error.message}") from error


def _reason(error: tf.errors.OpError) -> str:
    """Return TensorFlow's reason for the loss, without the place in the graph where it was noticed."""
    if "heartbeat" in error.message:
        return "it stopped answering"
    found = re.search(r"aborted by: (.+)", error.message) or re.search(r'grpc_message:"([^"]+)"', error.message)
    return found[1].strip() if found else type(error).__name__
