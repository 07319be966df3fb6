"""The search behind `--preset tuned`, on validation pairs: the test set is not looked at.

Command:  python run/experiments/tune.py --path Data/ --dataset ml-1m --unobserved_weight 0.1 0.25 (a minute)

Trains GMF by least squares with every combination of the settings that are given, on all train interactions
but one of each user: the latest, where the train file has timestamps. With `--alpha` the MLP of the recipe is
trained too and fused with each GMF by each alpha (some minutes more).

HR@10 and NDCG@10 are those of the paper's protocol in expectation, over every draw of 99 negatives from the
items that the user has no train interaction with: with b of n such items above the held-out one, those above
it among the 99 are hypergeometric. So two settings do not differ by the luck of one draw.
"""

import argparse
import dataclasses
import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import add_data_flags, number_above, parse_numbers, whole_number
from ncf_keras.least_squares_loss import LeastSquares
from ncf_keras.tuned import TUNED, Recipe, train_gmf, train_mlp

SEARCHED = ("num_factors", *(field.name for field in dataclasses.fields(TUNED.least_squares)))
NEGATIVES, TOP_K = 99, 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the search and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_flags(parser)
    for name in SEARCHED:
        default = getattr(TUNED if name == "num_factors" else TUNED.least_squares, name)
        kind = whole_number(1) if isinstance(default, int) else number_above(0, name == "popularity_exponent")
        parser.add_argument(f"--{name}", type=kind, nargs="+", default=[default])
    parser.add_argument("--alpha", type=number_above(0, True), nargs="+", default=[])
    parser.add_argument("--layers", default=str(list(TUNED.layers)))
    parser.add_argument("--mlp_epochs", type=whole_number(1), default=TUNED.mlp_epochs)
    parser.add_argument("--mlp_reg_rows", type=number_above(0, True), default=TUNED.mlp_reg_rows)
    parser.add_argument("--seed", type=whole_number(0), default=1)
    flags = parser.parse_args(arguments)
    return run_command(lambda: _search(flags))


def _search(flags: argparse.Namespace) -> None:
    from ncf_keras.data import split_validation

    layers = tuple(parse_numbers(flags.layers, "--layers", whole=True))
    examples = split_validation(load_dataset(flags))
    import_tensorflow_quietly()
    print(f"| {' | '.join(SEARCHED)} | alpha | HR@10 | NDCG@10 | seconds |")
    print(f"|{'---|' * (len(SEARCHED) + 4)}")
    trained = None
    for values in itertools.product(*(getattr(flags, name) for name in SEARCHED)):
        num_factors, *least_squares = values
        recipe = dataclasses.replace(
            TUNED,
            num_factors=num_factors,
            layers=layers,
            least_squares=LeastSquares(*least_squares),
            mlp_epochs=flags.mlp_epochs,
            mlp_reg_rows=flags.mlp_reg_rows,
        )
        started = time.perf_counter()
        gmf = train_gmf(examples, recipe, flags.seed)
        _print_row(values, "GMF alone", gmf, examples, started)
        if flags.alpha and trained is None:
            trained = train_mlp(examples, recipe, flags.seed)
            _print_row(values, "MLP alone", trained, examples, started)
        for alpha in flags.alpha:
            _print_row(values, f"{alpha:g}", _fused(recipe, examples, gmf, trained, alpha), examples, started)


def _print_row(values: Sequence, alpha: str, model: object, examples: object, started: float) -> None:
    hr, ndcg = expected_figures(model, examples)
    words = [*(f"{value:g}" for value in values), alpha, f"{hr:.4f}", f"{ndcg:.4f}"]
    print(f"| {' | '.join(words)} | {time.perf_counter() - started:.0f} |", flush=True)


def expected_figures(model: object, examples: object) -> tuple[float, float]:
    """Return HR@10 and NDCG@10 of the test pairs of `examples`, expected over all draws of 99 negatives."""
    import numpy as np

    from ncf_keras.evaluation import FullRanking
    from ncf_keras.models.all_scores import all_scores

    protocol = FullRanking(
        examples.train_offsets,
        examples.train_items,
        examples.test_users,
        examples.test_items,
        examples.num_items,
    )
    rankings = protocol.rankings(all_scores(model, examples.num_items))
    known = np.diff(examples.train_offsets)[rankings.users]
    return expected_from_ranks(rankings.positions, examples.num_items - known - 1)


def expected_from_ranks(above: object, others: object) -> tuple[float, float]:
    """Return HR@10 and NDCG@10, means over the users.

    Args:
        above: how many of the other items stand above the held-out one, shape (users,).
        others: how many other items there are, at least 99, shape (users,).
    """
    import numpy as np
    from scipy.stats import hypergeom

    places = np.arange(TOP_K)[:, None]
    shares = hypergeom.pmf(places, others, above, NEGATIVES)
    return float(shares.sum(0).mean()), float((shares * np.log(2) / np.log(places + 2)).sum(0).mean())


def _fused(recipe: Recipe, examples: object, gmf: object, mlp: object, alpha: float) -> object:
    from ncf_keras.models import build_neumf
    from ncf_keras.weights import fuse_pretrained

    sizes = (examples.num_users, examples.num_items)
    neumf = build_neumf(*sizes, recipe.num_factors, recipe.layers, [0.0] * len(recipe.layers))
    fuse_pretrained(neumf, gmf, mlp, alpha)
    return neumf


if __name__ == "__main__":
    sys.exit(main())
