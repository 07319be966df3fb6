"""`run/convert.py`: turn a weight file of any Keras into another format."""

import argparse
import sys
from collections.abc import Sequence

from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import FORMATS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    flags = _parser().parse_args(arguments)
    return run_command(lambda: _convert(flags))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Turn the weights of a GMF, MLP or NeuMF, as any version of Keras wrote them, into another "
        "format. What the file is, is read from its content.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="weight file of Keras 1, 2 or 3; it may come from anyone")
    parser.add_argument("--to", required=True, metavar="OUT", help="the new file; an existing one is replaced")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="h5 as Keras 1 and the authors' code, a .keras archive, or .weights.h5 of Keras 3; "
        "by the suffix of OUT if left out",
    )
    return parser


def _convert(flags: argparse.Namespace) -> None:
    import_tensorflow_quietly()
    from ncf_keras.weights import (
        build_model_for,
        format_of,
        model_sizes,
        read_weight_file,
        save_weights,
        sizes_in_words,
    )

    format = flags.format or format_of(flags.to)
    file = read_weight_file(flags.file)
    save_weights(build_model_for(file), flags.to, format)
    sizes = sizes_in_words(model_sizes(file.layers, flags.file))
    print(f"{flags.to}: {sizes}, from {flags.file} ({file.layout})", file=sys.stderr)
