"""Download a public dataset, ready to train on: python run/download.py ml-1m."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401

from ncf_keras.cli.download import main

if __name__ == "__main__":
    sys.exit(main())
