"""`run/plot.py`: learning curves of any runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.cli.console import run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the logs; return the exit status, 0, or 2 after a sentence about a mistake.

    Args:
        arguments: the command line without the program's name; that of the process if None.
    """
    parser = argparse.ArgumentParser(
        description="Draw training loss, HR and NDCG of each iteration from the files that --log_csv writes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("logs", nargs="+", metavar="LOG.csv", help="a file of --log_csv; each becomes a line")
    parser.add_argument(
        "--out", default="curves.png", metavar="FILE.png", help="the picture, replaced if it exists"
    )
    flags = parser.parse_args(arguments)
    return run_command(lambda: _plot(flags))


def _plot(flags: argparse.Namespace) -> None:
    from reproduction.curves import learning_curves
    from reproduction.panels import draw, require_matplotlib

    out = Path(flags.out)
    if out.suffix.lower() != ".png":
        raise InputError(f"`--out` must end with .png. Received: {flags.out}")
    panels = learning_curves([Path(log) for log in flags.logs])
    require_matplotlib("run/plot.py")
    writable_directory(out.parent, "--out")
    try:
        if out.is_dir():
            raise InputError(f"`--out` must be a file. Received: {flags.out}, which is a directory")
        draw(panels, len(panels), out)
    except OSError as error:
        raise InputError(
            f"`--out` must be a file that can be written. Received: {flags.out} ({error.strerror})"
        ) from None
    print(f"The curves are in {out}")
