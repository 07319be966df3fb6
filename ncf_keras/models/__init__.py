"""Functional builders of the models of the paper, plain Keras models, and their scoring function."""

from ncf_keras.models.builders import (
    build_gmf,
    build_mf,
    build_mlp,
    build_neumf,
    build_shared_fusion,
    mlp_layers,
)
from ncf_keras.models.feedforward_embed import build_feedforward_embed
from ncf_keras.models.scoring import model_scores

__all__ = [
    "build_feedforward_embed",
    "build_gmf",
    "build_mf",
    "build_mlp",
    "build_neumf",
    "build_shared_fusion",
    "mlp_layers",
    "model_scores",
]
