"""Training examples: the order of an epoch, negatives drawn anew at each, and pairs for pairwise learning."""

from ncf_keras.sampling.batches import batch_dataset, pair_batch_dataset, stack_dataset, training_dataset
from ncf_keras.sampling.samplers import (
    Examples,
    NegativeSampler,
    PairSampler,
    PositivePairs,
    Sampler,
    popularity_weights,
    stacks_of_batches,
)

__all__ = [
    "Examples",
    "NegativeSampler",
    "PairSampler",
    "PositivePairs",
    "Sampler",
    "batch_dataset",
    "pair_batch_dataset",
    "popularity_weights",
    "stack_dataset",
    "stacks_of_batches",
    "training_dataset",
]
