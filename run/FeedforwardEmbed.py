"""Predict explicit ratings by ReLU layers over embeddings: python run/FeedforwardEmbed.py LOG."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
import _start  # noqa: F401
from explicit_ratings.command import main

if __name__ == "__main__":
    sys.exit(main())
