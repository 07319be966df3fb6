"""`ncf convert`: turn a weight file of Keras 1, 2 or 3 into another format."""

import argparse
import sys
from collections.abc import Sequence

from ncf_keras.cli.console import import_tensorflow_quietly, run_with_flags
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.flags import FORMATS, add_memory_flag
from ncf_keras.cli.help import CommandParser
from ncf_keras.cli.paths import InputFile, OutputFile
from ncf_keras.cli.saved_model import require_network


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _convert, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Turn the weights of a GMF, MLP or NeuMF, as Keras 1, 2 or 3 wrote them, into another "
        "format. What the file is, is read from its content.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "file", type=InputFile, metavar="FILE", help="weight file of Keras 1, 2 or 3; it may come from anyone"
    )
    parser.add_argument(
        "--to", type=OutputFile, required=True, metavar="OUT", help="the new file; an existing one is replaced"
    )
    layout = "h5 as Keras 1 and the authors' code, a .keras archive, or .weights.h5 of Keras 3"
    parser.add_argument("--format", choices=FORMATS, help=f"{layout}; by the suffix of OUT if left out")
    new_names = "new names of layers, such as embedding=user_embedding,dense=prediction; the others keep theirs"
    parser.add_argument("--rename", type=_new_names, metavar="OLD=NEW,…", help=new_names)
    in_place = "let OUT be FILE, which is replaced once the new file is whole"
    parser.add_argument("--in_place", action="store_true", help=in_place)
    add_memory_flag(parser)
    return parser


def _new_names(text: str) -> dict[str, str]:
    """Return the new name of each layer in `embedding=user_embedding,dense=prediction`."""
    pairs = [pair.strip().split("=") for pair in text.split(",")]
    names = {pair[0]: pair[-1] for pair in pairs}
    if any(len(pair) != 2 or not all(pair) for pair in pairs) or len(names) != len(pairs):
        raise argparse.ArgumentTypeError(
            f"must be OLD=NEW for each layer once, with commas between them. Received: {text!r}"
        )
    return names


def _convert(flags: argparse.Namespace) -> None:
    require_network(flags.file, "FILE")
    import_tensorflow_quietly()
    from ncf_keras import weights

    format = flags.format or weights.format_of(flags.to)
    with flag_names({"rename": "`--rename`"}):
        file = weights.read_weight_file(flags.file, rename=flags.rename)
    weights.save_weights(weights.build_model_for(file), flags.to, format)
    sizes = weights.sizes_in_words(weights.sizes_of_file(file))
    print(f"{flags.to}: {sizes}, from {flags.file} ({file.layout})", file=sys.stderr)
