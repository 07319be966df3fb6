"""Files of ids, one a line, that flags name."""

import contextlib
import io
import sys

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import open_input, unreadable

# Ids of a hundred million users.
MOST_CHARACTERS = 1 << 30
# Which standard input does not take away.
BYTE_ORDER_MARK = "\ufeff"


def read_id_lines(file: str, flag: str) -> list[str]:
    """Return the ids in a file that a flag, such as `--users_file`, names; empty lines are passed over.

    `-` is standard input.
    """
    subject, opened = f"`{flag}`", sys.stdin
    if file != "-":
        opened = io.TextIOWrapper(open_input(file, subject), encoding="utf-8-sig")
    try:
        with contextlib.nullcontext(opened) if file == "-" else opened as stream:
            text = stream.read(MOST_CHARACTERS + 1)
    except OSError as error:
        raise unreadable(file, error, subject) from None
    except UnicodeError:
        raise InputError(f"{subject} must be text in UTF-8. Received: {file}, which is not") from None
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"{subject} must have at most {MOST_CHARACTERS:,} characters. Received: {file}, with more"
        )
    return [line.strip() for line in text.removeprefix(BYTE_ORDER_MARK).split("\n") if line.strip()]
