"""Files that a flag asks for: refused before the work if they can't be written, whole when they appear."""

import json

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import require_output, written_beside
from ncf_keras.base.inputs import reason_of


def check_output_file(file: str | None, flag: str) -> None:
    """Raise InputError if `file`, where it is given, can't be written; its directory must exist."""
    if file is not None:
        require_output(file, f"`{flag}`")


def write_output_file(file: str, text: str, flag: str) -> None:
    """Write `text` as UTF-8 to `file`, which then appears whole; InputError if it can't be written."""
    try:
        with written_beside(file) as temporary:
            # A name that is no UTF-8 becomes an escape, which JSON reads as what it was.
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        received = f"{file} ({reason_of(error)})"
        raise InputError(f"`{flag}` must be a file that can be written. Received: {received}") from None


def write_json(file: str, document: dict, flag: str) -> None:
    """Write a JSON object to `file` as `write_output_file` does."""
    write_output_file(file, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", flag)
