"""Logs, frames and files in, a Dataset out."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.data.dataset import Dataset as Dataset
    from ncf_keras.data.dataset_files import read_dataset as read_dataset
    from ncf_keras.data.logs.as_frame import read_log as read_log
    from ncf_keras.data.newcomers import with_newcomers as with_newcomers
    from ncf_keras.data.resplit import split_validation as split_validation
    from ncf_keras.data.sample import sample_dataset as sample_dataset

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "dataset": ("Dataset",),
        "dataset_files": ("read_dataset",),
        "logs.as_frame": ("read_log",),
        "sample": ("sample_dataset",),
        "newcomers": ("with_newcomers",),
        "resplit": ("split_validation",),
    },
    light=("dataset", "dataset_files", "logs.as_frame", "sample", "newcomers", "resplit"),
)
