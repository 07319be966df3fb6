"""`ncf completion SHELL`: the script by which a shell completes commands, flags and files."""

import argparse
from collections.abc import Iterator, Sequence

from ncf_keras.base.errors import InputError
from ncf_keras.cli.commands import COMMANDS
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.help import CommandParser
from ncf_keras.cli.paths import CheckpointPath, InputFile, OutputFile, OutputPrefix

SHELLS = ("bash", "zsh", "tcsh")
INSTALL = """\
For bash, in a new shell from then on:
  mkdir -p ~/.local/share/bash-completion/completions
  ncf completion bash > ~/.local/share/bash-completion/completions/ncf
where the package bash-completion is installed, else
  ncf completion bash >> ~/.bashrc
For zsh, in a directory of its $fpath:
  ncf completion zsh > ~/.zfunc/_ncf
For tcsh:
  ncf completion tcsh >> ~/.tcshrc
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _completion, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Print the script by which a shell completes the commands of ncf, their flags and files.",
        epilog=INSTALL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell it is for")
    return parser


def _completion(flags: argparse.Namespace) -> None:
    try:
        import shtab
    except ImportError:
        raise InputError(
            "`ncf completion` must have shtab installed: pip install shtab. Received: no shtab"
        ) from None
    whole = whole_parser()
    for action in _actions(whole):
        if kind := _path_kind(action):
            action.complete = shtab.DIRECTORY if kind == "directory" else shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(whole, flags.shell))


def whole_parser() -> argparse.ArgumentParser:
    """Return a parser of all commands at once; running a command needs only its own."""
    whole = CommandParser(prog="ncf", allow_abbrev=False)
    whole.add_argument("-V", "--version", action="store_true", help="print the versions of all that runs here")
    parsers: dict[str, argparse.ArgumentParser] = {}
    # argparse makes the parser of a subcommand by a class of its own; ours are made already.
    subparsers = whole.add_subparsers(parser_class=lambda prog: parsers[prog])  # type: ignore[call-overload]
    for name, command in COMMANDS.items():
        parsers[f"ncf {name}"] = command.make_parser()
        subparsers.add_parser(name, help=command.does)
    return whole


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the flags and arguments of a parser and of its subcommands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _actions(child)


def _path_kind(action: argparse.Action) -> str | None:
    if action.type in (InputFile, OutputFile, OutputPrefix):
        return "file"
    if action.type is CheckpointPath or action.metavar == "DIR" or action.dest in ("path", "save_dir"):
        return "directory"
    return None
