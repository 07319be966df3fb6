"""Steps that multiply in bfloat16 while everything that is kept stays float32: mixed precision."""

import contextlib
from collections.abc import Iterator

import keras

from ncf_keras.models.features import FeatureCodes, FeatureEmbedding, IdentityDropout
from ncf_keras.models.recent import RecentItems

PRODUCTS = (keras.layers.Multiply, keras.layers.Dot)
# Their weights are looked up, or drawn from, and multiplied with nothing.
WITHOUT_PRODUCTS = (keras.layers.Embedding, FeatureCodes, FeatureEmbedding, IdentityDropout, RecentItems)


@contextlib.contextmanager
def computing_in(model: keras.Model, precision: str) -> Iterator[None]:
    """Let a model's products be computed in bfloat16 while the block runs, if that is the precision.

    The products are those of the layers with weights behind the tables, and of the vectors themselves.
    The layer that makes the model's output stays as it is: a probability of 8 bits would be too coarse for the
    loss. So do layers that have a policy of their own. What is traced in the block computes so for ever; what
    is saved, evaluated or traced outside has the model's own types.

    Args:
        model: of one output.
        precision: `float32`, `tf32` or `bfloat16`.
    """
    chosen = _layers_with_products(model) if precision == "bfloat16" else []
    policies = [layer.dtype_policy for layer in chosen]
    for layer in chosen:
        layer.dtype_policy = "mixed_bfloat16"
    try:
        yield
    finally:
        for layer, policy in zip(chosen, policies, strict=True):
            layer.dtype_policy = policy


def _layers_with_products(model: keras.Model) -> list[keras.layers.Layer]:
    last = model.outputs[0]
    return [
        layer
        for layer in model.layers
        if (isinstance(layer, PRODUCTS) or (layer.weights and not isinstance(layer, WITHOUT_PRODUCTS)))
        and layer.dtype_policy.name == "float32"
        and layer.output is not last
    ]
