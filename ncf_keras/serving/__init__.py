"""Exports that TensorFlow Serving loads, and a client that asks it, also where TensorFlow is not installed."""

from ncf_keras.base.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__, {"": ("client", "export", "publishing", "seal")}, light=("client",)
)
