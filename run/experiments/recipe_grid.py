"""The search behind `--preset tuned`, on validation pairs: the test set is not looked at.

Command:  python run/experiments/recipe_grid.py --path Data/ --dataset ml-1m --unobserved_weight 0.1 0.25
          (a minute)

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
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import add_data_flags, number_above, parse_numbers, whole_number
from ncf_keras.solvers.least_squares_loss import LARGEST_EXPONENT, LARGEST_WEIGHT, LeastSquares
from ncf_keras.training.tuned import TUNED, Recipe, train_gmf, train_mlp

if TYPE_CHECKING:
    import keras
    import numpy as np

    from ncf_keras.data import Dataset

SEARCHED = ("num_factors", *(field.name for field in dataclasses.fields(TUNED.least_squares)))
NEGATIVES, TOP_K = 99, 10
# The largest width: the weights between two layers of 65,536 units already take 16 GiB.
LARGEST_WIDTH = 2**16


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the search and return the exit status: 0, or 2 after a sentence about a mistake.

    Args:
        arguments: the command line without the program's name; that of the process if None.
    """
    flags = _parser().parse_args(arguments)
    return run_command(lambda: _search(flags))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_flags(parser)
    kinds = {
        "num_factors": whole_number(1, LARGEST_WIDTH),
        "unobserved_weight": number_above(0, False, LARGEST_WEIGHT),
        "regularization": number_above(0, False, LARGEST_WEIGHT),
        "popularity_exponent": number_above(-LARGEST_EXPONENT, True, LARGEST_EXPONENT),
        "sweeps": whole_number(1),
        "penalty_exponent": number_above(0, True, 1),
    }
    for name in SEARCHED:
        default = getattr(TUNED if name == "num_factors" else TUNED.least_squares, name)
        parser.add_argument(f"--{name}", type=kinds[name], nargs="+", default=[default])
    parser.add_argument("--alpha", type=number_above(0, True, 1), nargs="+", default=[])
    parser.add_argument("--layers", default=str(list(TUNED.layers)))
    parser.add_argument("--mlp_epochs", type=whole_number(1), default=TUNED.mlp_epochs)
    parser.add_argument("--mlp_reg_rows", type=number_above(0, True), default=TUNED.mlp_reg_rows)
    parser.add_argument("--seed", type=whole_number(0), default=1)
    return parser


def _search(flags: argparse.Namespace) -> None:
    recipes = _recipes(flags)

    from _one_pair import require_one_pair_a_user

    from ncf_keras.data import split_validation

    examples = split_validation(load_dataset(flags))
    require_one_pair_a_user(examples)
    _require_others(examples)
    import_tensorflow_quietly()
    print(f"| {' | '.join(SEARCHED)} | alpha | HR@10 | NDCG@10 | seconds |")
    print(f"|{'---|' * (len(SEARCHED) + 4)}")
    mlp = None
    for values, recipe in recipes:
        started = time.perf_counter()
        gmf = train_gmf(examples, recipe, flags.seed)
        _print_row(values, "GMF alone", gmf, examples, started)
        if flags.alpha and mlp is None:
            mlp = train_mlp(examples, recipe, flags.seed)
            _print_row(values, "MLP alone", mlp, examples, started)
        for alpha in flags.alpha:
            _print_row(values, f"{alpha:g}", _fused(recipe, examples, gmf, mlp, alpha), examples, started)


def _recipes(flags: argparse.Namespace) -> list[tuple[tuple[float, ...], Recipe]]:
    """Return every combination of the searched settings, as numbers in the order of `SEARCHED` and as a recipe.

    Raises:
        InputError: a flag breaks its rule.
    """
    layers = tuple(parse_numbers(flags.layers, "--layers", whole=True))
    if not layers or layers[0] % 2 or not all(1 <= width <= LARGEST_WIDTH for width in layers):
        raise InputError(
            f"`--layers` must have widths from 1 to {LARGEST_WIDTH}, the first even, half of it for each "
            f"embedding. Received: {flags.layers!r}"
        )
    combinations = itertools.product(*(getattr(flags, name) for name in SEARCHED))
    return [
        (
            values,
            dataclasses.replace(
                TUNED,
                num_factors=values[0],
                layers=layers,
                least_squares=LeastSquares(*values[1:]),
                mlp_epochs=flags.mlp_epochs,
                mlp_reg_rows=flags.mlp_reg_rows,
            ),
        )
        for values in combinations
    ]


def _require_others(examples: "Dataset") -> None:
    """Raise InputError unless each test user has enough items to draw 99 negatives from."""
    others = _others(examples, examples.test_users)
    if len(others) and others.min() < NEGATIVES:
        user = examples.test_users[others.argmin()]
        raise InputError(
            f"`--dataset` must leave each user at least {NEGATIVES} items without a train interaction besides "
            f"the held-out one. Received: {examples.name}, where user {user} has {others.min()}"
        )


def _others(examples: "Dataset", users: "np.ndarray") -> "np.ndarray":
    """Return how many active items, the held-out one left out, users have no train interaction with: int64."""
    known = examples.train_offsets[users + 1] - examples.train_offsets[users]
    return int(examples.active_items.sum()) - known - 1


def _print_row(
    values: Sequence[float], alpha: str, model: "keras.Model", examples: "Dataset", started: float
) -> None:
    hr, ndcg = expected_figures(model, examples)
    words = [*(f"{value:g}" for value in values), alpha, f"{hr:.4f}", f"{ndcg:.4f}"]
    print(f"| {' | '.join(words)} | {time.perf_counter() - started:.0f} |", flush=True)


def expected_figures(model: "keras.Model", examples: "Dataset") -> tuple[float, float]:
    """Return HR@10 and NDCG@10 of the test pairs of `examples`, expected over all draws of 99 negatives.

    Args:
        model: from users and items to scores, as `ncf_keras.models` builds them.
        examples: one test pair per user.

    Raises:
        InputError: a test user has fewer than 99 items to draw from.
    """
    from ncf_keras.evaluation import FullRanking
    from ncf_keras.models.scoring import all_scores

    protocol = FullRanking(
        examples.train_offsets,
        examples.train_items,
        examples.test_users,
        examples.test_items,
        examples.num_items,
        examples.active_items,
    )
    rankings = protocol.rankings(all_scores(model, examples.num_items))
    return expected_from_ranks(rankings.positions, _others(examples, rankings.users))


def expected_from_ranks(above: "np.ndarray", others: "np.ndarray") -> tuple[float, float]:
    """Return HR@10 and NDCG@10, means over the users.

    Args:
        above: how many of the other items are ranked above the held-out one: int64, shape (users,).
        others: how many other items there are, at least 99: int64, shape (users,).

    Raises:
        InputError: a user has fewer than 99 other items.
    """
    import numpy as np
    from scipy.stats import hypergeom

    if len(others) and others.min() < NEGATIVES:
        raise InputError(f"`others` must be at least {NEGATIVES} for each user. Received: {others.min()}")
    places = np.arange(TOP_K)[:, None]
    shares = hypergeom.pmf(places, others, above, NEGATIVES)
    return float(shares.sum(0).mean()), float((shares * np.log(2) / np.log(places + 2)).sum(0).mean())


def _fused(
    recipe: Recipe, examples: "Dataset", gmf: "keras.Model", mlp: "keras.Model", alpha: float
) -> "keras.Model":
    from ncf_keras.models import build_neumf
    from ncf_keras.weights import fuse_pretrained

    sizes = (examples.num_users, examples.num_items)
    neumf = build_neumf(*sizes, recipe.num_factors, recipe.layers, [0.0] * len(recipe.layers))
    fuse_pretrained(neumf, gmf, mlp, alpha)
    return neumf


if __name__ == "__main__":
    sys.exit(main())
