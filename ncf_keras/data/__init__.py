"""Files in, a Dataset out."""

from ncf_keras.data.dataset import Dataset
from ncf_keras.data.rating_files import read_dataset
from ncf_keras.data.sample import sample_dataset

__all__ = ["Dataset", "read_dataset", "sample_dataset"]
