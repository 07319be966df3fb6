"""Turn a weight file of Keras 1, 2 or 3 into another format; `--help` lists the flags."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401

from ncf_keras.cli.convert import main

if __name__ == "__main__":
    sys.exit(main())
