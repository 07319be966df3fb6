"""Logs, frames and files in, a Dataset out."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.data.dataset import Dataset
    from ncf_keras.data.dataset_files import read_dataset
    from ncf_keras.data.sample import sample_dataset
    from ncf_keras.data.split import split_validation

__all__ = ["Dataset", "read_dataset", "sample_dataset", "split_validation"]

# Looked up at first use, because `--help` of the commands waits for neither NumPy nor pandas.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Dataset": "ncf_keras.data.dataset",
        "read_dataset": "ncf_keras.data.dataset_files",
        "sample_dataset": "ncf_keras.data.sample",
        "split_validation": "ncf_keras.data.split",
    },
)
