"""How the library `implicit` is called."""

import contextlib
from collections.abc import Iterator
from types import ModuleType

from threadpoolctl import threadpool_limits

from ncf_keras.base.errors import InputError


@contextlib.contextmanager
def library() -> Iterator[ModuleType]:
    """Yield the module `implicit`, and keep BLAS on one thread: it warns if BLAS starts its own too."""
    try:
        import implicit.als
        import implicit.nearest_neighbours
    except ImportError:
        raise InputError(
            "This baseline must have the library `implicit` installed: pip install 'ncf-keras[baselines]'. "
            "Received: no such library"
        ) from None
    with threadpool_limits(1, "blas"):
        yield implicit
