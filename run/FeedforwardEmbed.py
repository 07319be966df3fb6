"""Predict explicit ratings by ReLU layers over embeddings: python run/FeedforwardEmbed.py LOG."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _start  # noqa: F401
from explicit_ratings.command import main

if __name__ == "__main__":
    sys.exit(main())
