"""A `.keras` archive from a stranger: a zip of `config.json` and `model.weights.h5`. Nothing in it is run."""

import io
import json
import re
import struct
import zipfile
import zlib
from collections import Counter

WEIGHTS, CONFIG = "model.weights.h5", "config.json"

# Genuine archives are stored as they are; one that was zipped again shrinks by some percent.
_MOST_EXPANSION = 20
_LARGEST_CONFIG = 2**24
_PLAIN_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError)


class ArchiveError(Exception):
    """These bytes are no `.keras` archive that we read; the message says why, to follow the file's name."""


def is_archive(data: bytes) -> bool:
    """Tell whether the bytes begin as a zip file does."""
    return data.startswith(b"PK\x03\x04")


def read_archive(data: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the bytes of the weight file in an archive, and the layer's name for each of its groups.

    The names, such as `{"embedding_1": "item_embedding"}`, are read from the configuration.

    Raises:
        ArchiveError: it is broken, is not a Keras archive, or would unpack to out of proportion.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            weights = _member(archive, WEIGHTS, _MOST_EXPANSION * len(data))
            config = _member(archive, CONFIG, _LARGEST_CONFIG)
    except _ZIP_ERRORS as error:
        raise ArchiveError(f"is a damaged zip archive ({error})") from None
    return weights, _names_of_groups(config)


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


def _names_of_groups(config: bytes) -> dict[str, str]:
    try:
        layers = json.loads(config)["config"]["layers"]
        described = [(layer["class_name"], layer["config"]["name"]) for layer in layers]
    except (ValueError, RecursionError):
        raise ArchiveError(f"has a {CONFIG!r} that is not JSON") from None
    except (KeyError, TypeError):
        described = [(None, None)]
    names: dict[str, str] = {}
    count: Counter[str] = Counter()
    for class_name, name in described:
        if not isinstance(class_name, str) or not isinstance(name, str):
            raise ArchiveError(f"has a {CONFIG!r} that does not describe a functional Keras model")
        group = _snake_case(class_name)
        # Keras numbers the groups of each class from the second on, in the order of the configuration.
        names[f"{group}_{count[group]}" if count[group] else group] = name
        count[group] += 1
    return names


def _snake_case(name: str) -> str:
    """Return `name` as Keras spells it in its weight files; source: `keras.src.utils.naming.to_snake_case`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
