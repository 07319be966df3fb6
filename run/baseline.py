"""Fit a baseline and evaluate it; `--help` lists them, `NAME --help` the flags of each."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401

from ncf_keras.cli.baseline import main

if __name__ == "__main__":
    sys.exit(main())
