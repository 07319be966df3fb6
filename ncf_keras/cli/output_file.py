"""Files that a flag asks for: refused before the work if they can't be written, whole when they appear."""

import json
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory, written_beside


def check_output_file(file: str | None, flag: str) -> None:
    """Raise InputError if `file`, where it is given, can't be written; its directory must exist."""
    if file is None:
        return
    path = Path(file)
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"`{flag}` must be a file in a directory that exists. Received: {file}")
    writable_directory(path.parent, flag)


def write_output_file(file: str, text: str, flag: str) -> None:
    """Write `text` as UTF-8 to `file`, which then appears whole; InputError if it can't be written."""
    try:
        with written_beside(file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        received = f"{file} ({error.strerror})"
        raise InputError(f"`{flag}` must be a file that can be written. Received: {received}") from None


def write_json(file: str, document: dict, flag: str) -> None:
    """Write a JSON object to `file` as `write_output_file` does."""
    write_output_file(file, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", flag)
