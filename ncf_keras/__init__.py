"""Neural Collaborative Filtering (He et al., WWW 2017) on TensorFlow and Keras 3.

The public names live in the subpackages `data`, `sampling`, `models`, `training`, `evaluation` and `weights`.
"""

from ncf_keras._version import __version__
from ncf_keras.errors import InputError

__all__ = ["InputError", "__version__"]
