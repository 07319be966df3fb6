"""Functional builders of the paper's models: sizes in, a plain keras.Model out."""

from ncf_keras.models.gmf import build_gmf
from ncf_keras.models.mlp import build_mlp
from ncf_keras.models.neumf import build_neumf

__all__ = ["build_gmf", "build_mlp", "build_neumf"]
