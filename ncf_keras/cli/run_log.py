"""A row an iteration, for people who plot: `--log_csv FILE` and `--tensorboard DIR`."""

import contextlib
import csv
import dataclasses
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError

if TYPE_CHECKING:
    from ncf_keras.training import Iteration

COLUMNS = ("iteration", "hr", "ndcg", "loss", "train_seconds", "evaluation_seconds")


class RunLog:
    """Writes each iteration as it comes, in full precision; a context manager.

    Args:
        csv_path: file to write, replaced if it exists; None for none.
        tensorboard_directory: directory of event files; None for none.
        earlier: iterations of the same run before it was resumed, for the CSV file; TensorBoard has its own.

    Raises:
        InputError: the file can't be written, or TensorBoard is not installed.
    """

    def __init__(
        self,
        csv_path: str | None,
        tensorboard_directory: str | None,
        earlier: Sequence["Iteration"] = (),
    ):
        self._writer = self._open_tensorboard(tensorboard_directory) if tensorboard_directory else None
        self._file = self._open_csv(csv_path) if csv_path else None
        self._rows = csv.writer(self._file) if self._file else None
        if self._rows:
            self._write_rows([COLUMNS, *map(dataclasses.astuple, earlier)])

    def write(self, iteration: "Iteration") -> None:
        """Write one iteration."""
        values = dataclasses.astuple(iteration)
        if self._rows:
            self._write_rows([values])
        if self._writer:
            import tensorflow as tf

            with self._writer.as_default(step=iteration.number):
                for name, value in zip(COLUMNS[1:], values[1:], strict=True):
                    tf.summary.scalar(name, value)
            self._writer.flush()

    def _write_rows(self, rows: Sequence[tuple]) -> None:
        try:
            self._rows.writerows(rows)
            self._file.flush()
        except OSError as error:
            self._close_file()
            what = f"{self._file.name} ({error.strerror})"
            raise InputError(f"`--log_csv` must be a file with space for more. Received: {what}") from None

    def _close_file(self) -> None:
        # Closing tries again to write what there was no space for.
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._close_file()
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
