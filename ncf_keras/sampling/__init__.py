"""Training examples: the order of an epoch, negatives drawn anew at each, and pairs for pairwise learning."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.sampling.batches import (
        batch_dataset as batch_dataset,
        one_after_another as one_after_another,
        pair_batch_dataset as pair_batch_dataset,
        stack_dataset as stack_dataset,
        training_dataset as training_dataset,
    )
    from ncf_keras.sampling.device_sampler import DeviceSampler as DeviceSampler
    from ncf_keras.sampling.samplers import (
        Examples as Examples,
        NegativeSampler as NegativeSampler,
        PairSampler as PairSampler,
        PositivePairs as PositivePairs,
        Sampler as Sampler,
        popularity_weights as popularity_weights,
        stacks_of_batches as stacks_of_batches,
    )
    from ncf_keras.sampling.shards import (
        PADDING as PADDING,
        ShardedSampler as ShardedSampler,
        users_of_shards as users_of_shards,
    )

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "batches": (
            "batch_dataset",
            "one_after_another",
            "pair_batch_dataset",
            "stack_dataset",
            "training_dataset",
        ),
        "device_sampler": ("DeviceSampler",),
        "samplers": (
            "Examples",
            "NegativeSampler",
            "PairSampler",
            "PositivePairs",
            "Sampler",
            "popularity_weights",
            "stacks_of_batches",
        ),
        "shards": ("PADDING", "ShardedSampler", "users_of_shards"),
    },
)
