"""Whether a GPU may round the factors of float32 products to TF32, which has 10 bits instead of 23."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def tensor_float_32(allowed: bool) -> Iterator[None]:
    """Allow or forbid TF32 while the block runs, or the function that this decorates.

    TensorFlow allows it unless told otherwise, on the GPUs that have it, for the whole process. A notebook may
    want that for other models, so what was set before is set again at the end. A program of XLA keeps what was
    set when it was compiled, everything else follows what is set when it runs.
    """
    from tensorflow import config

    before = config.experimental.tensor_float_32_execution_enabled()
    config.experimental.enable_tensor_float_32_execution(allowed)
    try:
        yield
    finally:
        config.experimental.enable_tensor_float_32_execution(before)
