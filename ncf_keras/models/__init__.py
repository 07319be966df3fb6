"""Functional builders of the models of the paper, plain Keras models, and their scoring function."""

from ncf_keras.models.gmf import build_gmf
from ncf_keras.models.mlp import build_mlp
from ncf_keras.models.neumf import build_neumf
from ncf_keras.models.scoring import model_scores

__all__ = ["build_gmf", "build_mlp", "build_neumf", "model_scores"]
