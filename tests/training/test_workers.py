"""What TensorFlow raises when a worker is gone, in words."""

import pytest
import tensorflow as tf

from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.training.engines import workers as workers_module
from ncf_keras.training.engines.workers import Workers, cluster_workers, mirrored_workers

# As TensorFlow 2.21 wrote them: a killed worker, and one that was stopped (SIGSTOP).
KILLED = """Graph execution error:

Detected at node while/CollectiveReduceV2 defined at (most recent call last):
  File "train.py", line 30, in <module>

Collective ops is aborted by: Socket closed
Additional GRPC error information from remote target /job:worker/replica:0/task:1 while calling RecvBuf:
:UNKNOWN:Error received from peer  {grpc_status:14, grpc_message:"Socket closed"}
The error could be from a previous operation. Restart your program to reset."""
SILENT = """Error reported from /job:worker/task:1: These tasks are unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1"""


@pytest.fixture
def alone() -> Workers:
    """One replica, which needs no other device."""
    return Workers(tf.distribute.MirroredStrategy(["/CPU:0"]))


@pytest.mark.parametrize(("error", "reason"), [
    (tf.errors.UnavailableError(None, None, KILLED), "Socket closed"),
    (tf.errors.UnavailableError(None, None, SILENT), "it stopped answering"),
    (tf.errors.InternalError(None, None, '{grpc_message:"GOAWAY received"}'), "GOAWAY received"),
    (tf.errors.CancelledError(None, None, "RecvBuf"), "CancelledError"),
])  # fmt: skip
def test_a_lost_worker_is_said_in_words(alone, error, reason):
    alone.several = True
    with pytest.raises(WorkerLost) as raised, alone.in_words():
        raise error
    assert str(raised.value) == f"another worker is gone ({reason})"


def test_other_errors_are_not_taken_for_a_loss(alone):
    with pytest.raises(tf.errors.UnavailableError), alone.in_words():
        raise tf.errors.UnavailableError(None, None, KILLED)
    alone.several = True
    for error in (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError):
        with pytest.raises(error), alone.in_words():
            raise error(None, None, "too much")


def test_one_process_is_its_own_chief(alone):
    assert alone.is_chief
    assert not alone.several
    assert alone.count == len(alone.devices) == 1
    assert alone.from_chief(tf.constant([3, 4], tf.int64)).numpy().tolist() == [3, 4]
    alone.require_same("anything")


def test_the_cpu_is_shared_only_before_the_first_operation():
    tf.constant(0)
    with pytest.raises(InputError, match="before TensorFlow's first operation"):
        mirrored_workers()


def test_a_worker_keeps_its_memory_before_the_others_are_waited_for(monkeypatch):
    done = []

    def wait():
        done.append("wait")
        raise tf.errors.DeadlineExceededError(None, None, "nobody came")

    monkeypatch.setattr(workers_module, "keep_freed_memory", lambda: done.append("keep"))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", wait)
    with pytest.raises(WorkerLost, match=r"`TF_CONFIG` did not come together: nobody came"):
        cluster_workers()
    assert done == ["keep", "wait"]
