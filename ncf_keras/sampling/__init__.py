"""Training examples: the order of an epoch, negatives drawn anew at each, and pairs for pairwise learning."""

from ncf_keras.sampling.negatives import (
    Examples,
    NegativeSampler,
    PositivePairs,
    batch_dataset,
    popularity_weights,
    stack_dataset,
    stacks_of_batches,
    training_dataset,
)
from ncf_keras.sampling.pairs import PairSampler, pair_batch_dataset

__all__ = [
    "Examples",
    "NegativeSampler",
    "PairSampler",
    "PositivePairs",
    "batch_dataset",
    "pair_batch_dataset",
    "popularity_weights",
    "stack_dataset",
    "stacks_of_batches",
    "training_dataset",
]
