"""The package names arguments in its errors; a command names the flags that were typed."""

import contextlib
import re
from collections.abc import Iterator, Mapping

from ncf_keras.base.errors import InputError


@contextlib.contextmanager
def flag_names(names: Mapping[str, str]) -> Iterator[None]:
    """Put flags, as in {"name": "`--dataset`"}, in place of arguments in backticks in an InputError's rule."""
    try:
        yield
    except InputError as error:
        rule, *received = str(error).partition(" Received: ")
        named = re.sub(r"`(\w+)`", lambda found: names.get(found[1], found[0]), rule)
        error.args = (named + "".join(received),)
        raise


def same_names(arguments: Mapping[str, object]) -> dict[str, str]:
    """Return the names for `flag_names` where the flags are called as the arguments are."""
    return {name: f"`--{name}`" for name in arguments}
