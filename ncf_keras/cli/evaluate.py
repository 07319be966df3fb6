"""`run/evaluate.py`: how good a saved model is on a dataset."""

import argparse
import time
from collections.abc import Sequence

from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import MODELS, add_data_flags, whole_number
from ncf_keras.cli.train import load_dataset
from ncf_keras.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line without the program's name; that of the process if None.

    Returns:
        The exit status: 0, or 2 after a sentence on standard error about a mistake in the arguments or files.
    """
    flags = _parser().parse_args(arguments)
    return run_command(lambda: _evaluate(flags))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Evaluate a saved GMF, MLP or NeuMF by the paper's protocol: each held-out item ranked "
        "among its user's sampled negatives. Sizes are read from the file.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--model", choices=MODELS, required=True, help="what the file must hold")
    parser.add_argument("--weights", required=True, metavar="FILE", help="weight file of any Keras")
    add_data_flags(parser)
    parser.add_argument("--topk", type=whole_number(1), default=10, help="length of the ranked list")
    return parser


def _evaluate(flags: argparse.Namespace) -> None:
    from ncf_keras.evaluation import LeaveOneOut

    dataset = load_dataset(flags)
    import_tensorflow_quietly()
    from ncf_keras.models import model_scores
    from ncf_keras.weights import build_model_for, model_sizes, read_weight_file

    file = read_weight_file(flags.weights)
    sizes = model_sizes(file.layers, flags.weights)
    if sizes.model != flags.model:
        raise InputError(
            f"`--weights` must hold a {flags.model}. Received: {flags.weights}, which holds {sizes}"
        )
    if (sizes.num_users, sizes.num_items) != (dataset.num_users, dataset.num_items):
        raise InputError(
            f"`--weights` must be of a model for the {dataset.num_users} users and {dataset.num_items} items "
            f"of {dataset.name}. Received: {flags.weights}, which holds {sizes}"
        )
    score = model_scores(build_model_for(file))
    started = time.perf_counter()
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    result = protocol.evaluate(score, flags.topk)
    seconds = time.perf_counter() - started
    print(f"HR@{flags.topk} = {result.hr:.4f}, NDCG@{flags.topk} = {result.ndcg:.4f} [{seconds:.1f} s]")
