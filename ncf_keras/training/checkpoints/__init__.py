"""Checkpoints: the state of a run in checksummed files that appear whole or not at all."""

from ncf_keras.training.checkpoints.checkpoint_directory import CheckpointDirectory
from ncf_keras.training.checkpoints.checkpoint_file import (
    Checkpoint,
    DamagedCheckpoint,
    read_checkpoint,
    write_checkpoint,
)
from ncf_keras.training.checkpoints.fingerprint import (
    digest_of,
    require_format,
    require_same_options,
    versions,
)

__all__ = [
    "Checkpoint",
    "CheckpointDirectory",
    "DamagedCheckpoint",
    "digest_of",
    "read_checkpoint",
    "require_format",
    "require_same_options",
    "versions",
    "write_checkpoint",
]
