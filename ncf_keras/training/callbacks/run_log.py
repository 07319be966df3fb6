"""One row per iteration, for plotting: `--log_csv FILE` and `--tensorboard DIR`."""

import contextlib
import csv
import dataclasses
import io
from collections.abc import Sequence

import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import OutputStream
from ncf_keras.base.inputs import reason_of
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.iterations import Iteration
from ncf_keras.training.trainer import Trainer

COLUMNS = ("iteration", "hr", "ndcg", "loss", "train_seconds", "evaluation_seconds")


class RunLog(OwnCallback):
    """Writes each iteration, in full precision, as soon as it is evaluated; a context manager.

    Args:
        trainer: its iterations are written, those of an earlier process to the CSV file at once.
        csv_log: file to write; None for none.
        tensorboard_directory: directory of event files; None for none.

    Raises:
        InputError: the file can't be written, or TensorBoard is not installed.
    """

    def __init__(self, trainer: Trainer, csv_log: OutputStream | None, tensorboard_directory: str | None):
        super().__init__()
        self._trainer = trainer
        self._writer = self._open_tensorboard(tensorboard_directory) if tensorboard_directory else None
        self._csv_log = csv_log
        self._write_rows([COLUMNS, *map(dataclasses.astuple, trainer.iterations)])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the row of the epoch if it was evaluated."""
        if logs and "hr" in logs:
            self.write(self._trainer.iterations[-1])

    def write(self, iteration: Iteration) -> None:
        """Write one iteration to the CSV file and for TensorBoard."""
        values = dataclasses.astuple(iteration)
        self._write_rows([values])
        if not self._writer:
            return
        try:
            with self._writer.as_default(step=iteration.number):
                for name, value in zip(COLUMNS[1:], values[1:], strict=True):
                    tf.summary.scalar(name, value)
            self._writer.flush()
        except tf.errors.OpError as error:
            rule = "a directory with space for more"
            raise InputError(f"`--tensorboard` must be {rule}. Received: {reason_of(error)}") from None

    def _write_rows(self, rows: Sequence[tuple]) -> None:
        if not self._csv_log:
            return
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        try:
            self._csv_log.write(text.getvalue())
        except OSError as error:
            received = f"{self._csv_log.path} ({reason_of(error)})"
            raise InputError(f"`--log_csv` must be a file with space for more. Received: {received}") from None

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer:
            # Each row has been flushed; what could not be written was said then.
            with contextlib.suppress(tf.errors.OpError):
                self._writer.close()

    def _open_tensorboard(self, directory: str) -> tf.summary.SummaryWriter:
        try:
            import tensorboard  # noqa: F401
        except ImportError:
            raise InputError(
                "`--tensorboard` must have TensorBoard installed: pip install 'ncf-keras[tensorboard]'. "
                f"Received: {directory}, and no TensorBoard"
            ) from None
        return tf.summary.create_file_writer(directory)
