"""Weight files of every Keras in and out, and NeuMF started from a trained GMF and MLP."""

from ncf_keras.weights.fusion import fuse_pretrained
from ncf_keras.weights.loading import build_model_for, load_model, load_weights, model_sizes, sizes_in_words
from ncf_keras.weights.saving import SUFFIXES, format_of, save_weights
from ncf_keras.weights.weight_file import WeightFile, read_weight_file

__all__ = [
    "SUFFIXES",
    "WeightFile",
    "build_model_for",
    "format_of",
    "fuse_pretrained",
    "load_model",
    "load_weights",
    "model_sizes",
    "read_weight_file",
    "save_weights",
    "sizes_in_words",
]
