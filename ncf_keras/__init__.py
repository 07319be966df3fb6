"""Neural Collaborative Filtering (He et al., WWW 2017) on TensorFlow and Keras 3.

`train` and `recommend` take a `Dataset` from interactions to lists; the parts they are made of live in the
subpackages `data`, `sampling`, `models`, `training`, `evaluation`, `weights`, `recommending` and `serving`.
"""

import importlib

from ncf_keras.base.errors import InputError
from ncf_keras.base.on_import import import_after
from ncf_keras.base.version import __version__

__all__ = ["Dataset", "InputError", "TrainingResult", "__version__", "recommend", "train"]

# Looked up at first use, because the commands answer `--help` without TensorFlow.
_LAZY = {
    "Dataset": "ncf_keras.data",
    "TrainingResult": "ncf_keras.training.train_model",
    "recommend": "ncf_keras.recommending",
    "train": "ncf_keras.training.train_model",
}

# `keras.saving.load_model` then knows our learners and losses after `import ncf_keras` alone.
import_after("keras", "ncf_keras.training.registered")


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
