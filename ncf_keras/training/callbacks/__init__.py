"""Keras callbacks of the training commands: printed lines, files, checkpoints, signals and notes."""
