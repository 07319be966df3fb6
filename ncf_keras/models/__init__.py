"""Functional builders of the models of the paper, plain Keras models, and their scoring functions."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.models.builders import (
        build_gmf as build_gmf,
        build_mf as build_mf,
        build_mlp as build_mlp,
        build_neumf as build_neumf,
        build_shared_fusion as build_shared_fusion,
        mlp_layers as mlp_layers,
    )
    from ncf_keras.models.feedforward_embed import build_feedforward_embed as build_feedforward_embed
    from ncf_keras.models.scoring import all_scores as all_scores, model_scores as model_scores
    from ncf_keras.models.spec import KINDS as KINDS, ModelSpec as ModelSpec

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "feedforward_embed": ("build_feedforward_embed",),
        "builders": ("build_gmf", "build_mf", "build_mlp", "build_neumf", "build_shared_fusion", "mlp_layers"),
        "scoring": ("all_scores", "model_scores"),
        "spec": ("KINDS", "ModelSpec"),
    },
    light=("spec",),
)
