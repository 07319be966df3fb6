"""Whether an export is as it was written, asked before a server is."""

import os
from pathlib import Path

import tensorflow as tf

from ncf_keras.base.errors import InputError

# In words of TensorFlow's loader, for a file that is missing, cut or changed.
LOAD_ERRORS = (tf.errors.OpError, OSError, ValueError, RuntimeError, KeyError, TypeError)


def verify(directory: str | os.PathLike) -> None:
    """Load an export as a server does, which checks all of its files; see `seal.py`.

    Args:
        directory: of one version, such as `serving/ncf/1`.

    Raises:
        InputError: it is none, or one of its files is missing or not as it was written.
    """
    directory = Path(directory)
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.saved_model.loader.load(session, [tf.saved_model.SERVING], str(directory))
    except LOAD_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{directory} must be a whole export. Received: {reason}") from error
