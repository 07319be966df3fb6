"""The commands: flags defined once, wiring, printing. Nothing here imports TensorFlow before it is needed."""
