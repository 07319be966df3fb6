"""How XLA compiles loops over rows of a few numbers, such as those of embeddings, for a processor."""

import os

# LLVM unrolls a loop of up to some dozens of turns before it looks for vectors, and then computes number by
# number; and it makes no vectors of loops of less than 16 turns. Both are limits of LLVM's own options.
XLA_FLAGS = "--xla_backend_extra_options=-unroll-threshold=60,-vectorizer-min-trip-count=8"


def vectorise_short_loops() -> None:
    """Have XLA make vectors of short loops, where it compiles for a processor alone.

    A small training step takes up to half the time (`docs/performance.md`). The numbers are the same to
    rounding. XLA reads its flags from the environment when it first compiles, so TensorFlow must be imported
    and nothing compiled yet. Flags that are set already are kept.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)
