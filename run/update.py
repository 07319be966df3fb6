"""Bring a served model up to date with a log; `--help` lists the flags."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401

from ncf_keras.cli.update import main

if __name__ == "__main__":
    sys.exit(main())
