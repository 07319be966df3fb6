"""`run/FeedforwardEmbed.py LOG`: explicit ratings, predicted by ReLU layers over embeddings."""

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import import_tensorflow_quietly, progress_bar, run_command
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import (
    LARGEST_WIDTH,
    LEARNERS,
    number_above,
    parse_numbers,
    whole_number,
)
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.log_flags import add_column_flags, add_format_flags, log_options

if TYPE_CHECKING:
    from explicit_ratings.ratings import Ratings
    from explicit_ratings.training import RatingEpoch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    flags = _parser().parse_args(arguments)
    return run_command(lambda: _run(flags))


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        description="Train FeedforwardEmbed on a log of explicit ratings (any that run/prepare.py reads) and "
        "print its RMSE and MAE on held-out ratings beside those of the global mean and of biased MF.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("log", metavar="LOG", help="the file: a row a rating")
    add_column_flags(parser, with_times=False)
    add_format_flags(parser)
    parser.add_argument("--test_share", type=float, default=0.1, help="share of the ratings that is held out")
    parser.add_argument(
        "--num_factors", type=whole_number(1, LARGEST_WIDTH), default=32, help="width of both embeddings"
    )
    parser.add_argument("--layers", default="[64,32,16]", help="widths of the ReLU layers")
    parser.add_argument("--epochs", type=whole_number(1), default=50, help="passes over the data, at the most")
    parser.add_argument("--patience", type=whole_number(1), default=3, help="epochs without a lower RMSE")
    parser.add_argument("--batch_size", type=whole_number(1), default=256, help="ratings a step")
    parser.add_argument("--lr", type=number_above(0, False), default=0.001, help="learning rate")
    parser.add_argument("--learner", type=str.lower, choices=LEARNERS, default="adam", help="the optimizer")
    parser.add_argument("--seed", type=whole_number(0), default=None, help="a fresh one if left out")
    return parser


def _run(flags: argparse.Namespace) -> None:
    from explicit_ratings.errors import mean_absolute_error, root_mean_squared_error
    from explicit_ratings.predictors import BiasedMF, GlobalMean
    from explicit_ratings.ratings import split_ratings

    layers = parse_numbers(flags.layers, "--layers", whole=True)
    if not all(1 <= width <= LARGEST_WIDTH for width in layers):
        raise InputError(f"`--layers` must have widths from 1 to {LARGEST_WIDTH}. Received: {flags.layers!r}")
    if not 0 < flags.test_share < 1:
        raise InputError(f"`--test_share` must be above 0 and below 1. Received: {flags.test_share}")
    if flags.seed is None:
        flags.seed = secrets.randbits(31)
        print(f"--seed {flags.seed} (drawn, because none was given)", file=sys.stderr)
    ratings = _read(flags)
    lowest, highest = float(ratings.values.min()), float(ratings.values.max())
    if lowest == highest:
        raise InputError(
            f"The ratings of {flags.log} must have at least two values. Received: {lowest:g} for all of them"
        )
    if len(ratings) < 3:
        raise InputError(
            f"{flags.log} must have at least 3 ratings: to learn from, to choose the epoch on and to test on. "
            f"Received: {len(ratings)}"
        )
    train, test = split_ratings(ratings, flags.test_share, flags.seed)
    if len(train) < 2:
        raise InputError(
            f"`--test_share` must leave at least 2 of the {len(ratings):,} ratings of {flags.log}, to learn "
            f"from and to choose the epoch on. Received: {flags.test_share}"
        )
    # The epoch is chosen on ratings of its own, so that the test ratings are looked at once.
    learning, validation = split_ratings(train, 0.05, flags.seed + 1)
    print(
        f"#user={ratings.num_users}, #item={ratings.num_items}, #train={len(learning)}, "
        f"#validation={len(validation)}, #test={len(test)}, ratings from {lowest:g} to {highest:g}"
    )
    predictions = {
        name: baseline.fit(train).predict(test.users, test.items)
        for name, baseline in (("global mean", GlobalMean()), ("biased MF", BiasedMF()))
    }
    import_tensorflow_quietly()
    from explicit_ratings.training import predict_ratings, train_on_ratings
    from ncf_keras.models import build_feedforward_embed

    sizes = (ratings.num_users, ratings.num_items, flags.num_factors, layers)
    model = build_feedforward_embed(*sizes, lowest, highest, seed=flags.seed)
    best = train_on_ratings(
        model,
        learning,
        validation,
        learner=flags.learner,
        learning_rate=flags.lr,
        batch_size=flags.batch_size,
        epochs=flags.epochs,
        patience=flags.patience,
        seed=flags.seed,
        on_epoch=_print_epoch,
    )
    assert best is not None, "there is at least one epoch"
    print(f"Best epoch {best.number}: validation RMSE = {best.rmse:.4f}")
    predictions["FeedforwardEmbed"] = predict_ratings(model, test.users, test.items)
    print(f"{'':<16}   RMSE     MAE")
    for name, predicted in predictions.items():
        rmse, mae = (error(predicted, test.values) for error in (root_mean_squared_error, mean_absolute_error))
        print(f"{name:<16} {rmse:6.4f}  {mae:6.4f}")


def _read(flags: argparse.Namespace) -> "Ratings":
    from explicit_ratings.ratings import read_ratings

    file = Path(flags.log)
    size = file.stat().st_size if file.is_file() else 0
    with flag_names(same_names(vars(flags))), progress_bar(size, "bytes") as show:
        return read_ratings(file, log_options(flags), lambda done: show(f"Reading {file.name}", done))


def _print_epoch(epoch: "RatingEpoch") -> None:
    print(
        f"Epoch {epoch.number} [{epoch.seconds:.1f} s]: loss = {epoch.loss:.4f}, "
        f"validation RMSE = {epoch.rmse:.4f}",
        flush=True,
    )
