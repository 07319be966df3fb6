import csv
import sys
from pathlib import Path

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import OutputStream
from ncf_keras.training import Iteration
from ncf_keras.training.callbacks.run_log import RunLog
from tests.training.callbacks.trainers import trainer

ITERATIONS = [Iteration(0, 0.5, 0.25, 0.125, 1.5, 0.5), Iteration(1, 1 / 3, 0.1, 2.0, 3.25, 0.75)]
HEADER = "iteration,hr,ndcg,loss,train_seconds,evaluation_seconds\n"


@pytest.fixture(scope="module")
def trained():
    return trainer()


@pytest.fixture
def log_of(trained):
    """Return a function that makes a log of a training that has had some iterations."""

    def make(csv_path, tensorboard_directory=None, iterations=()):
        trained.iterations = [*iterations]
        stream = OutputStream(csv_path, "--log_csv") if csv_path else None
        return RunLog(trained, stream, tensorboard_directory and str(tensorboard_directory))

    return make


def hear(log, trained, iteration):
    trained.iterations.append(iteration)
    log.on_epoch_end(iteration.number, {"hr": iteration.hr})


def test_a_row_an_iteration_in_full_precision_as_it_comes_into_a_new_file(log_of, trained, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("old\n" * 100)
    with log_of(path) as log:
        assert path.read_text() == HEADER
        hear(log, trained, ITERATIONS[0])
        assert path.read_text().splitlines()[1:] == ["0,0.5,0.25,0.125,1.5,0.5"]
        log.on_epoch_end(1, {"loss": 0.5})  # was not evaluated
        hear(log, trained, ITERATIONS[1])
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 3 and float(rows[2][1]) == 1 / 3


@pytest.mark.parametrize(("path", "reason"), [
    (".", "file that can be written"),
    ("absent/log.csv", "file in a directory that exists"),
    pytest.param("/dev/full", r"file .* /dev/full \(No space left on device\)", marks=pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="no device that is always full"
    )),
])  # fmt: skip
def test_a_file_that_cannot_be_written_is_named(log_of, trained, tmp_path, path, reason):
    with pytest.raises(InputError, match=f"`--log_csv` must be a {reason}"):
        log_of(tmp_path / path)
    with log_of(None) as log:  # no file, no log
        hear(log, trained, ITERATIONS[0])


def test_tensorboard_has_the_curves(log_of, trained, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra `tensorboard`")
    import tensorflow as tf

    with log_of(None, tmp_path) as log:
        for iteration in ITERATIONS:
            hear(log, trained, iteration)
    (file,) = tmp_path.iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    for iteration in ITERATIONS:
        for name in ("hr", "ndcg", "loss", "train_seconds", "evaluation_seconds"):
            assert found[name, iteration.number] == pytest.approx(getattr(iteration, name), rel=1e-6)


def test_curves_that_do_not_fit_on_the_disk_are_a_sentence(log_of, trained, tmp_path, monkeypatch):
    def failing(name, value):
        raise tf.errors.ResourceExhaustedError(None, None, "{{node x}} events.1; No space left\nmore")

    import tensorflow as tf

    pytest.importorskip("tensorboard", reason="needs the extra `tensorboard`")
    monkeypatch.setattr(tf.summary, "scalar", failing)
    rule = r"^`--tensorboard` must be a directory with space for more\. Received: events.1; No space left$"
    with log_of(None, tmp_path) as log, pytest.raises(InputError, match=rule):
        hear(log, trained, ITERATIONS[0])


def test_tensorboard_that_is_not_installed_is_named_with_its_extra(log_of, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r"`--tensorboard` must have TensorBoard installed: pip install"):
        log_of(None, tmp_path / "curves")
    assert not (tmp_path / "curves").exists()


def test_a_resumed_run_begins_with_the_rows_it_had(log_of, trained, tmp_path):
    path, whole = tmp_path / "log.csv", tmp_path / "whole.csv"
    path.write_text("what a killed process left, half a row too many")
    with log_of(path, iterations=ITERATIONS[:1]) as log:
        hear(log, trained, ITERATIONS[1])
    with log_of(whole) as log:
        for iteration in ITERATIONS:
            hear(log, trained, iteration)
    assert path.read_bytes() == whole.read_bytes()
