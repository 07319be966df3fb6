"""One row per iteration, for plotting: `--log_csv FILE` and `--tensorboard DIR`."""

import contextlib
import csv
import dataclasses
from collections.abc import Sequence
from typing import TextIO

import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.iterations import Iteration
from ncf_keras.training.trainer import Trainer

COLUMNS = ("iteration", "hr", "ndcg", "loss", "train_seconds", "evaluation_seconds")


class RunLog(OwnCallback):
    """Writes each iteration, in full precision, as soon as it is evaluated; a context manager.

    Args:
        trainer: its iterations are written, those of an earlier process to the CSV file at once.
        csv_path: file to write, replaced if it exists; None for none.
        tensorboard_directory: directory of event files; None for none.

    Raises:
        InputError: the file can't be written, or TensorBoard is not installed.
    """

    def __init__(self, trainer: Trainer, csv_path: str | None, tensorboard_directory: str | None):
        super().__init__()
        self._trainer = trainer
        self._writer = self._open_tensorboard(tensorboard_directory) if tensorboard_directory else None
        self._file = self._open_csv(csv_path) if csv_path else None
        self._write_rows([COLUMNS, *map(dataclasses.astuple, trainer.iterations)])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the row of the epoch if it was evaluated."""
        if logs and "hr" in logs:
            self.write(self._trainer.iterations[-1])

    def write(self, iteration: Iteration) -> None:
        """Write one iteration to the CSV file and for TensorBoard."""
        values = dataclasses.astuple(iteration)
        self._write_rows([values])
        if self._writer:
            with self._writer.as_default(step=iteration.number):
                for name, value in zip(COLUMNS[1:], values[1:], strict=True):
                    tf.summary.scalar(name, value)
            self._writer.flush()

    def _write_rows(self, rows: Sequence[tuple]) -> None:
        if not self._file:
            return
        try:
            csv.writer(self._file).writerows(rows)
            self._file.flush()
        except OSError as error:
            self._close_file()
            what = f"{self._file.name} ({error.strerror})"
            raise InputError(f"`--log_csv` must be a file with space for more. Received: {what}") from None

    def _close_file(self) -> None:
        # `close` tries again to flush what did not fit on the disk, and may fail again.
        if self._file:
            with contextlib.suppress(OSError):
                self._file.close()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *error: object) -> None:
        self._close_file()
        if self._writer:
            self._writer.close()

    def _open_csv(self, path: str) -> TextIO:
        try:
            return open(path, "w", newline="", encoding="utf-8")  # noqa: PTH123
        except OSError as error:
            raise InputError(
                f"`--log_csv` must be a file that can be written. Received: {path} ({error.strerror})"
            ) from None

    def _open_tensorboard(self, directory: str) -> tf.summary.SummaryWriter:
        try:
            import tensorboard  # noqa: F401
        except ImportError:
            raise InputError(
                "`--tensorboard` must have TensorBoard installed: pip install -e '.[tensorboard]'. "
                f"Received: {directory}, and no TensorBoard"
            ) from None
        return tf.summary.create_file_writer(directory)
