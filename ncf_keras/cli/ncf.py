"""`ncf COMMAND …`: find the command in the table and run it on the rest of the line."""

import contextlib
import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.cli.commands import COMMANDS
from ncf_keras.cli.console import USER_ERROR, run_command

BEFORE = """\
usage: {ncf} COMMAND [FLAGS]
       {ncf} COMMAND --help
       {ncf} --version

Neural Collaborative Filtering (He et al., 2017): learn from what users chose,
recommend what they may like.
"""
AFTER = """
To begin, without a download:
  {ncf} neumf --dataset sample --epochs 3
With a log of your own:
  {ncf} prepare clicks.csv --out Data/clicks
  {ncf} neumf --dataset clicks
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line without the program's name, that of the process if None; return the exit status.

    That is the command's own; 0 after `--help` and `--version`; 2 after the help on standard error where there
    is no command, and after a sentence where there is none of that name.
    """
    given = sys.argv[1:] if arguments is None else arguments
    ncf = _program()
    if not given:
        return run_command(lambda: print(help_page(ncf), end="", file=sys.stderr)) or USER_ERROR
    name, *rest = given
    if name not in COMMANDS:
        return run_command(lambda: _answer(name, ncf))
    with _called(f"{ncf} {name}"):
        return COMMANDS[name].main(rest)


def help_page(ncf: str = "ncf") -> str:
    """Return the help; `ncf` is what the program is called in it."""
    width = max(map(len, COMMANDS))
    groups = dict.fromkeys(command.group for command in COMMANDS.values())
    lines = []
    for group in groups:
        lines += ["", f"{group}:"]
        lines += [f"  {one.name:{width}}  {one.does}" for one in COMMANDS.values() if one.group == group]
    return BEFORE.format(ncf=ncf) + "\n".join(lines) + "\n" + AFTER.format(ncf=ncf)


def _answer(name: str, ncf: str) -> None:
    if name in ("-h", "--help"):
        print(help_page(ncf), end="")
    elif name in ("-V", "--version"):
        from ncf_keras.cli.version import print_versions

        print_versions()
    else:
        near = difflib.get_close_matches(name.lower(), COMMANDS, 1)
        hint = f" (the nearest is {near[0]})" if near else ""
        raise InputError(
            f"The command must be one that `{ncf} --help` lists. Received: {name[:LONGEST_SHOWN]!r}{hint}"
        )


def _program() -> str:
    """Return what was typed to start this program."""
    return "python -m ncf_keras" if Path(sys.argv[0]).name == "__main__.py" else "ncf"


@contextlib.contextmanager
def _called(name: str) -> Iterator[None]:
    """Let argparse call the program so in its usage: it reads the name off `sys.argv`."""
    before = sys.argv
    sys.argv = [name, *before[1:]]
    try:
        yield
    finally:
        sys.argv = before
