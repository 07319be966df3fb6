"""A row an iteration, for people who plot: `--log_csv FILE` and `--tensorboard DIR`."""

import csv
import dataclasses
from types import TracebackType
from typing import TYPE_CHECKING

from ncf_keras.errors import InputError

if TYPE_CHECKING:
    from ncf_keras.training import Iteration

COLUMNS = ("iteration", "hr", "ndcg", "loss", "train_seconds", "evaluation_seconds")


class RunLog:
    """Writes each iteration as it comes, in full precision; a context manager.

    Args:
        csv_path: file to write, replaced if it exists; None for none.
        tensorboard_directory: directory of event files; None for none.

    Raises:
        InputError: the file can't be written, or TensorBoard is not installed.
    """

    def __init__(self, csv_path: str | None, tensorboard_directory: str | None):
        self._writer = self._open_tensorboard(tensorboard_directory) if tensorboard_directory else None
        self._file = self._open_csv(csv_path) if csv_path else None
        self._rows = csv.writer(self._file) if self._file else None
        if self._rows:
            self._rows.writerow(COLUMNS)
            self._file.flush()

    def write(self, iteration: "Iteration") -> None:
        """Write one iteration."""
        values = dataclasses.astuple(iteration)
        if self._rows:
            self._rows.writerow(values)
            self._file.flush()
        if self._writer:
            import tensorflow as tf

            with self._writer.as_default(step=iteration.number):
                for name, value in zip(COLUMNS[1:], values[1:], strict=True):
                    tf.summary.scalar(name, value)
            self._writer.flush()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()
        if self._writer:
            self._writer.close()

    def _open_csv(self, path: str) -> object:
        try:
            return open(path, "w", newline="", encoding="utf-8")  # noqa: PTH123
        except OSError as error:
            raise InputError(
                f"`--log_csv` must be a file that can be written. Received: {path} ({error.strerror})"
            ) from None

    def _open_tensorboard(self, directory: str) -> object:
        try:
            import tensorboard  # noqa: F401
        except ImportError:
            raise InputError(
                "`--tensorboard` must have TensorBoard installed: pip install -e '.[tensorboard]'. "
                f"Received: {directory}, and no TensorBoard"
            ) from None
        import tensorflow as tf

        return tf.summary.create_file_writer(directory)
