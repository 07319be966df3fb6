"""What is written is put on the disk itself, so that it is there after a power cut too."""

import errno
import os
from pathlib import Path


def flush_to_disk(path: str | os.PathLike) -> None:
    """Put a file, or the names in a directory, on the disk.

    Nothing is done where the system opens no directory and syncs no file that is open to be read (Windows), nor
    for a directory on a network file system that syncs them by itself.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL or not Path(path).is_dir():
            raise
    finally:
        os.close(handle)
