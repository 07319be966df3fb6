"""Neural Collaborative Filtering (He et al., WWW 2017) on TensorFlow and Keras 3.

`read_dataset`, `train` and `Recommender` go from interactions to lists; the parts that they are made of live in
the subpackages `data`, `sampling`, `models`, `training`, `evaluation`, `weights`, `recommending`, `serving`.
"""

from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError as InputError
from ncf_keras.base.lazy import lazy_names
from ncf_keras.base.on_import import import_after
from ncf_keras.base.version import __version__ as __version__

if TYPE_CHECKING:
    from ncf_keras.data import (
        Dataset as Dataset,
        read_dataset as read_dataset,
        read_log as read_log,
        sample_dataset as sample_dataset,
    )
    from ncf_keras.models import ModelSpec as ModelSpec
    from ncf_keras.recommending import Recommender as Recommender, recommend as recommend
    from ncf_keras.training import (
        Trainer as Trainer,
        TrainingResult as TrainingResult,
        TrainingSpec as TrainingSpec,
        train as train,
    )
    from ncf_keras.weights import (
        load_model as load_model,
        load_weights as load_weights,
        save_weights as save_weights,
    )

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "": (
            "baselines", "data", "evaluation", "models", "recommending", "sampling", "serving", "training",
            "weights",
        ),
        "base.errors": ("InputError",),
        "base.version": ("__version__",),
        "data": ("Dataset", "read_dataset", "read_log", "sample_dataset"),
        "models": ("ModelSpec",),
        "recommending": ("Recommender", "recommend"),
        "training": ("Trainer", "TrainingResult", "TrainingSpec", "train"),
        "weights": ("load_model", "load_weights", "save_weights"),
    },
    light=("data", "evaluation", "serving"),
)  # fmt: skip

# `keras.saving.load_model` then knows our learners and losses after `import ncf_keras` alone.
import_after("keras", "ncf_keras.training.registered")
