"""Turn a raw log into a dataset: python run/prepare.py LOG --out Data/mydata."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401

from ncf_keras.cli.prepare import main

if __name__ == "__main__":
    sys.exit(main())
