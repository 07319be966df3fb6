"""Files that a flag asks for: refused before the work if they can't be written, whole when they appear."""

import contextlib
import json
from collections.abc import Iterator, Mapping

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import is_written_into, require_output, written_beside
from ncf_keras.base.inputs import reason_of


def check_output_file(file: str | None, flag: str) -> None:
    """Raise InputError if `file`, where it is given, can't be written; its directory must exist."""
    if file is not None:
        require_output(file, f"`{flag}`")


def write_output_files(files: Mapping[str, tuple[str | None, str]]) -> None:
    """Write texts as UTF-8 to the files that flags name; they appear whole, and all of them or none.

    Args:
        files: by flag, the file and its text; a file that is None is not written.

    Raises:
        InputError: one of them can't be written.
    """
    given = [(flag, file, text) for flag, (file, text) in files.items() if file is not None]
    with contextlib.ExitStack() as stack:
        # Left last to first: pipes, which may have lost their reader, before a file is replaced.
        for flag, file, text in sorted(given, key=lambda one: is_written_into(one[1])):
            stack.enter_context(_in_a_sentence(file, flag))
            temporary = stack.enter_context(written_beside(file))
            # A name that is no UTF-8 becomes an escape, which JSON reads as what it was.
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def json_text(document: dict) -> str:
    """Return a JSON object as these files have it."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@contextlib.contextmanager
def _in_a_sentence(file: str, flag: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        received = f"{file} ({reason_of(error)})"
        raise InputError(f"`{flag}` must be a file that can be written. Received: {received}") from None
