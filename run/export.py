"""Export a saved model for TensorFlow Serving; `--help` lists the flags."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _start  # noqa: F401

from ncf_keras.cli.export import main

if __name__ == "__main__":
    sys.exit(main())
