"""Search for the settings that suit a dataset; `--help` lists the flags."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401

from ncf_keras.cli.tune import main

if __name__ == "__main__":
    sys.exit(main())
