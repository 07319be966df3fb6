"""The server's own messages, without TensorFlow, whose package they lie in.

`tensorflow-serving-api` refers to message classes such as `tensorflow.core.framework.tensor_pb2`. Python
imports the package `tensorflow` before them: seconds and some 650 MB for a few plain classes. So an empty
package of that name, with TensorFlow's directory, stands in; a later `import tensorflow` is the real one.
"""

import contextlib
import importlib.util
import sys
import types
from collections.abc import Iterator


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Let the modules of TensorFlow's messages be imported in the block without TensorFlow itself."""
    spec = None if "tensorflow" in sys.modules else importlib.util.find_spec("tensorflow")
    if spec is None or spec.submodule_search_locations is None:
        yield
        return
    stand_in = types.ModuleType("tensorflow")
    stand_in.__path__ = list(spec.submodule_search_locations)
    sys.modules["tensorflow"] = stand_in
    try:
        yield
    finally:
        del sys.modules["tensorflow"]
