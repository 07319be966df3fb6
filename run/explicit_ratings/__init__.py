"""Explicit ratings predicted, where the project ranks items: `run/FeedforwardEmbed.py`, not in the wheel."""
