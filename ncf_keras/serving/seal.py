"""A check in the graph that the files of an export are as they were written: damaged ones are refused at load.

TensorFlow's loader checks the variables as it reads them (a CRC32C a tensor), but not the graph, and not the
files that it doesn't read itself. So the graph carries a resource that is initialised, as any hash table is,
when the export is loaded: it reads these files, takes a hash of each, and fails unless the hashes are those in
the asset `seal`, which is written last. Against damage, not against forgery.
"""

import os
from pathlib import Path

import tensorflow as tf

from ncf_keras.base.errors import InputError

ASSET = "seal"
# Says how the lists of a version are found.
STAGES = "assets.extra/stages.json"
# All files of an export but the variables' data, which the loader checks, and the seal.
SEALED = (
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "assets.extra/tf_serving_warmup_requests",
    STAGES,
)
# In words of TensorFlow's loader, for a file that is missing, cut or changed.
LOAD_ERRORS = (tf.errors.OpError, OSError, ValueError, RuntimeError, KeyError, TypeError)
DAMAGED = "This export is damaged: a file is not as it was written. Export the model again."


class Seal(tf.saved_model.experimental.TrackableResource):
    """Refuses to be loaded from a directory whose files are not as `write_seal` saw them.

    Args:
        directory: where to make the placeholder that the archive copies; it must outlive the writing of it.
    """

    def __init__(self, directory: Path):
        super().__init__()
        placeholder = directory / ASSET
        placeholder.write_text("")
        # A resource doesn't track its attributes by itself.
        self._asset = self._track_trackable(tf.saved_model.Asset(str(placeholder)), ASSET)

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.string, shared_name=ASSET)

    def _initialize(self) -> None:
        # The loader hands over where the asset lies now, wherever the export was moved to.
        path = self._asset.asset_path
        directory = tf.strings.regex_replace(path, f"/assets/{ASSET}$", "")
        sealed = tf.io.read_file(path)
        tf.debugging.Assert(_hashes(directory) == sealed, [DAMAGED, directory])


def write_seal(directory: Path) -> None:
    """Seal an export that is complete but for the content of its asset `seal`."""
    (directory / "assets" / ASSET).write_bytes(_hashes(tf.constant(str(directory))).numpy())


def verify(directory: str | os.PathLike) -> None:
    """Load a version, such as `serving/ncf/1`, as a server does, which checks all of its files."""
    directory = Path(directory)
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.saved_model.loader.load(session, [tf.saved_model.SERVING], str(directory))
    except LOAD_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{directory} must be a whole export. Received: {reason}") from error


def _hashes(directory: tf.Tensor) -> tf.Tensor:
    """Return the hash of each sealed file in a directory as text, a line each: a string scalar."""
    contents = tf.stack([tf.io.read_file(directory + f"/{name}") for name in SEALED])
    # SipHash of 64 bits, the one strong hash that the graph has.
    hashes = tf.strings.to_hash_bucket_strong(contents, 2**63 - 1, key=[0, 0])
    return tf.strings.reduce_join(tf.strings.as_string(hashes), separator="\n")
