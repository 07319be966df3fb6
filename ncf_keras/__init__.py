"""Neural Collaborative Filtering (He et al., WWW 2017) on TensorFlow and Keras 3.

`read_dataset`, `train` and `Recommender` go from interactions to lists; the parts that they are made of live in
the subpackages `data`, `sampling`, `models`, `training`, `evaluation`, `weights`, `recommending`, `serving`.
"""

from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.base.lazy import lazy_names
from ncf_keras.base.version import __version__

if TYPE_CHECKING:
    from ncf_keras import (
        baselines,
        data,
        evaluation,
        models,
        recommending,
        sampling,
        serving,
        training,
        weights,
    )
    from ncf_keras.data import Dataset, read_dataset, sample_dataset
    from ncf_keras.models import ModelSpec
    from ncf_keras.recommending import Recommender, recommend
    from ncf_keras.training import Trainer, TrainingResult, TrainingSpec, train
    from ncf_keras.weights import load_model, load_weights, save_weights

__all__ = [
    "Dataset",
    "InputError",
    "ModelSpec",
    "Recommender",
    "Trainer",
    "TrainingResult",
    "TrainingSpec",
    "__version__",
    "baselines",
    "data",
    "evaluation",
    "load_model",
    "load_weights",
    "models",
    "read_dataset",
    "recommend",
    "recommending",
    "sample_dataset",
    "sampling",
    "save_weights",
    "serving",
    "train",
    "training",
    "weights",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "": (
            "baselines", "data", "evaluation", "models", "recommending", "sampling", "serving", "training",
            "weights",
        ),
        "data": ("Dataset", "read_dataset", "sample_dataset"),
        "models": ("ModelSpec",),
        "recommending": ("Recommender", "recommend"),
        "training": ("Trainer", "TrainingResult", "TrainingSpec", "train"),
        "weights": ("load_model", "load_weights", "save_weights"),
    },
    light=("data", "evaluation"),
)  # fmt: skip
