"""A `.keras` archive from a stranger: a zip of `config.json` and `model.weights.h5`. Nothing in it is run."""

import io
import struct
import zipfile
import zlib

from ncf_keras.weights.configuration import (
    LARGEST_CONFIGURATION,
    Configuration,
    ConfigurationError,
    read_configuration,
)

WEIGHTS, CONFIG = "model.weights.h5", "config.json"

# Genuine archives are stored as they are; one that was zipped again shrinks by some percent.
_MOST_EXPANSION = 20
_PLAIN_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError)


class ArchiveError(Exception):
    """These bytes are no `.keras` archive that we read; the message says why, to follow the file's name."""


def is_archive(data: bytes) -> bool:
    """Tell whether the bytes begin as a zip file does."""
    return data.startswith(b"PK\x03\x04")


def read_archive(data: bytes) -> tuple[bytes, Configuration]:
    """Return the bytes of the weight file in an archive, and the configuration of its model.

    Raises:
        ArchiveError: it is broken, is not a Keras archive, or would unpack to out of proportion.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            weights = _member(archive, WEIGHTS, _MOST_EXPANSION * len(data))
            config = _member(archive, CONFIG, LARGEST_CONFIGURATION)
    except _ZIP_ERRORS as error:
        raise ArchiveError(f"is a damaged zip archive ({error})") from None
    try:
        return weights, read_configuration(config)
    except ConfigurationError as error:
        raise ArchiveError(f"has a {CONFIG!r} that {error}") from None


def _member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    members = [member for member in archive.infolist() if member.filename == name]
    if len(members) != 1:
        raise ArchiveError(f"is a zip archive with {len(members)} files {name!r}: a `.keras` archive has one")
    if members[0].compress_type not in _PLAIN_COMPRESSIONS:
        raise ArchiveError(f"compresses {name!r} in a way that Keras never does")
    if members[0].file_size > largest:
        raise ArchiveError(
            f"declares {members[0].file_size} bytes for {name!r}, out of proportion: at most {largest} are read"
        )
    # The size that an archive declares is a claim: reading stops one byte after it.
    with archive.open(members[0]) as file:
        content = file.read(members[0].file_size + 1)
    if len(content) != members[0].file_size:
        raise ArchiveError(f"is a damaged zip archive: {name!r} has another size than declared")
    return content
