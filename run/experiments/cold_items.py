"""What is known of an item that nobody has come across yet: items held out whole, ranked by their features.

Command:  python run/experiments/cold_items.py --path Data/ --datasets cold-1 cold-2 cold-3

Each dataset is one of `ncf prepare --split cold_items --item_features …`, with columns of genres and years, and
another seed. The interactions of every user with the held-out items are ranked among sampled held-out items, as
`ncf evaluate --protocol cold` does. Simple answers rank them: how popular the genres are, which genres the user
had before, how popular the year's films are; and two of these multiplied. The best of the first, and the best
of all, are taken after the fact, which flatters them. NeuMF with features is trained once, for a fixed number
of epochs, and compared with both.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import number_above, number_between, whole_number
from ncf_keras.models.checks import FEATURES

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.data.cold_tests import ColdTests
    from ncf_keras.data.features import Feature
    from ncf_keras.evaluation.leave_one_out import Score

METRICS = ("HR@10", "NDCG@10")
HEADER = ("dataset", "pairs", "users", "answer", *METRICS)
MODEL = "NeuMF-8 with features"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--path", default="Data/", help="what stands before the datasets' names")
    add("--datasets", nargs="+", required=True, metavar="NAME", help="datasets with items held out whole")
    add("--genres", default="genres", metavar="COLUMN", help="the items' categories")
    add("--years", default="title_year", metavar="COLUMN", help="the items' years")
    add("--features", choices=FEATURES, default="item", help="whose features the model takes; none: no model")
    add("--identity_dropout", type=number_between(0, 1, True), default=0.0, help="as of ncf neumf")
    add("--epochs", type=whole_number(1), default=5, help="passes over the data")
    add("--batch_size", type=whole_number(1), default=1024, help="examples a step")
    add("--lr", type=number_above(0, False), default=0.002, help="learning rate")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _experiment(flags))


def train_with_features(dataset: "Dataset", flags: argparse.Namespace) -> "Score":
    """Return the scores of a NeuMF that is trained on the dataset and knows its items' features."""
    from dataclasses import replace

    from ncf_keras.models import ModelSpec
    from ncf_keras.training import Trainer, TrainingSpec
    from ncf_keras.training.known_features import KnownFeatures

    known = KnownFeatures.of(dataset, flags.features)
    spec = known.spec(ModelSpec("NeuMF", dataset.num_users, dataset.num_items))
    spec = replace(spec, identity_dropout=flags.identity_dropout)
    training = TrainingSpec(
        epochs=flags.epochs, batch_size=flags.batch_size, learning_rate=flags.lr, select="none", seed=1
    )
    trainer = Trainer(spec.build(1, **known.matrices), dataset, training)
    trainer.fit()
    warm = trainer.test()
    print(
        f"{dataset.name}, {MODEL}, warm pairs: HR@10 = {warm.hr:.4f}, NDCG@10 = {warm.ndcg:.4f}",
        file=sys.stderr,
    )
    return trainer.score


def _experiment(flags: argparse.Namespace) -> None:
    import_tensorflow_quietly()
    from _cold_answers import is_plain, simple_answers

    from ncf_keras.data import read_dataset
    from ncf_keras.data.cold_tests import cold_tests
    from ncf_keras.evaluation import LeaveOneOut, ranking_metrics

    print(_row(*HEADER))
    print(_row(*["---"] * len(HEADER)))
    comparisons = []
    for name in flags.datasets:
        dataset = read_dataset(flags.path, name)
        tests = cold_tests(dataset)
        protocol = LeaveOneOut(tests.users, tests.items, tests.negatives)
        answers = simple_answers(dataset, *_genres_and_years(dataset, flags), seed=1)
        values = {"in random order": chance(tests)}
        values |= {answer: ranking_metrics(protocol.rankings(score)) for answer, score in answers.items()}
        # Each once, the best of one thought first.
        best = list(dict.fromkeys(_best(some, values) for some in ([*filter(is_plain, answers)], answers)))
        if flags.features != "none":
            values[MODEL] = ranking_metrics(protocol.rankings(train_with_features(dataset, flags)))
            comparisons += [_compared(name, answer, values[answer], values[MODEL]) for answer in best]
        sizes = (f"{len(tests.users):,}", f"{len(values[best[0]]['HR@10']):,}")
        for answer, found in values.items():
            figures = (f"{found[metric].mean():.4f}" for metric in METRICS)
            print(_row(name, *sizes, f"**{answer}**" if answer in best else answer, *figures), flush=True)
    if comparisons:
        print("", *comparisons, sep="\n")


def _best(names: "Iterable[str]", values: "Mapping[str, Mapping[str, np.ndarray]]") -> str:
    return max(names, key=lambda name: values[name]["HR@10"].mean())


def _genres_and_years(dataset: "Dataset", flags: argparse.Namespace) -> "tuple[Feature, Feature]":
    """Return the genres and the years of a dataset's items, each year a category of its own."""
    from ncf_keras.base.errors import InputError
    from ncf_keras.data.features import Feature

    cells = {} if dataset.item_features is None else dataset.item_features.cells()
    if not {flags.genres, flags.years} <= cells.keys():
        raise InputError(
            f"`--genres` and `--years` must be columns of the items of {dataset.name}, which are "
            f"{', '.join(cells) or 'none'}. Received: {flags.genres} and {flags.years}"
        )
    genres, years = (Feature.of_texts(name, cells[name]) for name in (flags.genres, flags.years))
    return genres, years


def chance(tests: "ColdTests") -> "dict[str, np.ndarray]":
    """Return what a random order would give each user, in expectation: float64, shape (users,), by metric."""
    import numpy as np

    from ncf_keras.evaluation import ndcg
    from ncf_keras.evaluation.metrics import means_by_user, places_of_users

    # Any of the places from the top to behind all negatives is as likely.
    listed = np.minimum(10, tests.counts + 1)
    gains = np.concatenate([[0], np.cumsum(ndcg(np.arange(10), 10))])
    places = places_of_users(tests.users)[1]
    of_pairs = {"HR@10": listed / (tests.counts + 1), "NDCG@10": gains[listed] / (tests.counts + 1)}
    return {metric: means_by_user(places, values) for metric, values in of_pairs.items()}


def _compared(
    dataset: str, name: str, simple: "Mapping[str, np.ndarray]", model: "Mapping[str, np.ndarray]"
) -> str:
    """Return what the model gave more than a simple answer, user by user."""
    from ncf_keras.evaluation import compare_paired

    found = compare_paired(*({metric: each[metric] for metric in METRICS} for each in (simple, model)))
    figures = [
        f"{metric} {one.difference.mean:+.4f} ({one.difference.low:+.4f} … {one.difference.high:+.4f}), paired "
        f"t-test p = {'-' if one.t_test is None else f'{one.t_test:.2g}'}"
        for metric, one in found.items()
    ]
    return f"{dataset}, {MODEL} against {name}: {'; '.join(figures)}"


def _row(*words: str) -> str:
    return f"| {' | '.join(words)} |"


if __name__ == "__main__":
    sys.exit(main())
