"""What the commands add to a training, each a callback of Keras: lines, files, checkpoints, signals, notes."""
