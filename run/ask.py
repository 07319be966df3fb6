"""Ask a model that TensorFlow Serving serves: python run/ask.py recommend --user 42 --k 10."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401

from ncf_keras.cli.ask import main

if __name__ == "__main__":
    sys.exit(main())
