"""Weight files of Keras 1, 2 and 3 in and out, and NeuMF started from a trained GMF and MLP."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.weights.fusion import fuse_pretrained as fuse_pretrained
    from ncf_keras.weights.loading import (
        build_model_for as build_model_for,
        load_model as load_model,
        load_weights as load_weights,
        model_sizes as model_sizes,
        sizes_in_words as sizes_in_words,
        sizes_of_file as sizes_of_file,
    )
    from ncf_keras.weights.saving import (
        SUFFIXES as SUFFIXES,
        format_of as format_of,
        save_weights as save_weights,
    )
    from ncf_keras.weights.weight_file import WeightFile as WeightFile, read_weight_file as read_weight_file

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "fusion": ("fuse_pretrained",),
        "loading": (
            "build_model_for",
            "load_model",
            "load_weights",
            "model_sizes",
            "sizes_in_words",
            "sizes_of_file",
        ),
        "saving": ("SUFFIXES", "format_of", "save_weights"),
        "weight_file": ("WeightFile", "read_weight_file"),
    },
)
