"""`ncf browse`: a page on loopback that shows the lists of a saved model."""

import argparse
import contextlib
from collections.abc import Sequence

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import import_tensorflow_quietly, run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import add_data_flags, whole_number
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.paths import InputFile
from ncf_keras.cli.saved_model import SAVED_MODEL, load_saved_model, newest_saved

# Beside those of TensorFlow Serving, 8500 and 8501.
PORT = 8700
# Where training commands save to, unless they are told otherwise.
SAVED_TO = "pretrain"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command until Ctrl-C, then return 130; return 2 after a sentence about a mistake."""
    return run_with_flags(_parse, _browse, arguments)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    flags = make_parser().parse_args(arguments)
    if flags.weights is None:
        flags.weights, flags.dataset = newest_saved(SAVED_TO, flags.dataset)
    flags.dataset = flags.dataset or "ml-1m"
    return flags


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Look at the lists of a saved GMF, MLP, NeuMF or baseline in a browser: find a user or "
        "name titles you like; see the history, the list, what each item of it is like, and similar items. The "
        "page is served to this machine alone, until Ctrl-C. It needs pip install 'ncf-keras[browse]'.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    newest = f"if left out, the newest that a run has saved to {SAVED_TO}/, with its dataset"
    add("--weights", type=InputFile, metavar="FILE", help=f"{SAVED_MODEL}; {newest}")
    add_data_flags(parser)
    parser.set_defaults(dataset=None)
    add("--port", type=whole_number(0, 65535), default=PORT, help="of 127.0.0.1; 0 for any that is free")
    return parser


def _browse(flags: argparse.Namespace) -> None:
    try:
        from ncf_keras.browsing.server import address_of, listen, make_server
    except ImportError as error:
        words = "The page must have starlette and uvicorn: pip install 'ncf-keras[browse]'"
        raise InputError(f"{words}. Received: {error}") from None
    # Before the data and the model are read, which takes longer.
    with contextlib.closing(listen(flags.port)) as listening:
        dataset = load_dataset(flags)
        import_tensorflow_quietly()
        from ncf_keras.browsing.answers import Answers
        from ncf_keras.browsing.application import make_application
        from ncf_keras.recommending import Recommender

        recommender = Recommender(load_saved_model(flags.weights, dataset), dataset)
        answers = Answers(recommender, dataset)
        # A model that has diverged is refused now, and the first list on the page comes at once.
        answers.for_user(int(dataset.active_users.argmax()), 1)
        address = address_of(listening)
        application = make_application(answers, listening.getsockname()[1])
        print(f"The lists of {flags.weights} are shown at {address} until Ctrl-C", flush=True)
        make_server(application).run([listening])
