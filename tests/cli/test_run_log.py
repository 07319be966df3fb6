import csv
import sys
from pathlib import Path

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli.run_log import RunLog
from ncf_keras.training import Iteration

ITERATIONS = [Iteration(0, 0.5, 0.25, 0.125, 1.5, 0.5), Iteration(1, 1 / 3, 0.1, 2.0, 3.25, 0.75)]


def test_a_row_an_iteration_in_full_precision_as_it_comes(tmp_path):
    path = tmp_path / "log.csv"
    with RunLog(str(path), None) as log:
        assert path.read_text() == "iteration,hr,ndcg,loss,train_seconds,evaluation_seconds\n"
        log.write(ITERATIONS[0])
        assert path.read_text().splitlines()[1:] == ["0,0.5,0.25,0.125,1.5,0.5"]
        log.write(ITERATIONS[1])
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 3 and float(rows[2][1]) == 1 / 3


def test_an_old_log_is_replaced(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("old\n" * 100)
    with RunLog(str(path), None):
        pass
    assert path.read_text().splitlines() == ["iteration,hr,ndcg,loss,train_seconds,evaluation_seconds"]


def test_no_file_no_log():
    with RunLog(None, None) as log:
        log.write(ITERATIONS[0])


@pytest.mark.parametrize("name", [".", "absent/log.csv"])
def test_a_file_that_cannot_be_written_is_named(tmp_path, name):
    with pytest.raises(InputError, match="`--log_csv` must be a file that can be written"):
        RunLog(str(tmp_path / name), None)


def test_tensorboard_has_the_curves(tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra `tensorboard`")
    import tensorflow as tf

    with RunLog(None, str(tmp_path)) as log:
        for iteration in ITERATIONS:
            log.write(iteration)
    (file,) = tmp_path.iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    for iteration in ITERATIONS:
        for name in ("hr", "ndcg", "loss", "train_seconds", "evaluation_seconds"):
            assert found[name, iteration.number] == pytest.approx(getattr(iteration, name), rel=1e-6)


def test_tensorboard_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r"`--tensorboard` must have TensorBoard installed: pip install"):
        RunLog(None, str(tmp_path / "curves"))
    assert not (tmp_path / "curves").exists()


def test_a_resumed_run_begins_with_the_rows_it_had(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("what a killed process left, half a row too many")
    with RunLog(str(path), None, ITERATIONS[:1]) as log:
        log.write(ITERATIONS[1])
    with RunLog(str(tmp_path / "whole.csv"), None) as log:
        for iteration in ITERATIONS:
            log.write(iteration)
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_sentence():
    with pytest.raises(
        InputError, match=r"`--log_csv` must be .* Received: /dev/full \(No space left on device\)"
    ):
        RunLog("/dev/full", None)
