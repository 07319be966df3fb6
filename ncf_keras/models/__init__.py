"""Functional builders of the models of the paper, plain Keras models, and their scoring function."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names
from ncf_keras.models.spec import KINDS, ModelSpec

if TYPE_CHECKING:
    from ncf_keras.models.feedforward_embed import build_feedforward_embed
    from ncf_keras.models.gmf import build_gmf
    from ncf_keras.models.mf import build_mf
    from ncf_keras.models.mlp import build_mlp, mlp_layers
    from ncf_keras.models.neumf import build_neumf
    from ncf_keras.models.scoring import model_scores
    from ncf_keras.models.shared_fusion import build_shared_fusion

__all__ = [
    "KINDS",
    "ModelSpec",
    "build_feedforward_embed",
    "build_gmf",
    "build_mf",
    "build_mlp",
    "build_neumf",
    "build_shared_fusion",
    "mlp_layers",
    "model_scores",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "feedforward_embed": ("build_feedforward_embed",),
        "gmf": ("build_gmf",),
        "mf": ("build_mf",),
        "mlp": ("build_mlp", "mlp_layers"),
        "neumf": ("build_neumf",),
        "scoring": ("model_scores",),
        "shared_fusion": ("build_shared_fusion",),
    },
)
