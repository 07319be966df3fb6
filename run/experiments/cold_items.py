"""What is known of an item that nobody has come across yet: items held out whole, ranked by their features.

Command:  python run/experiments/cold_items.py --log ml-1m/ratings.dat --item_features movies.csv

`movies.csv` has the columns id, genres (`Animation|Comedy`) and year. A share of the items is held out, drawn
anew by each seed, and the interactions of every user with them are ranked among sampled held-out items, as `ncf
evaluate --protocol cold` does. Simple answers rank them: how popular the genres are, which genres the user had
before, how popular the year's films are; and two of these multiplied. The best of the first, and the best of
all, are taken after the fact, which flatters them; a model is compared with both.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import run_command
from ncf_keras.cli.flags import whole_number

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.data.cold_tests import ColdTests
    from ncf_keras.data.features import Feature
    from ncf_keras.evaluation.leave_one_out import Score

METRICS = ("HR@10", "NDCG@10")
HEADER = ("seed", "pairs", "users", "answer", *METRICS)
MODEL = "NeuMF-8 with features"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True, help="interactions")
    features = "a .csv file with the columns id, genres and year"
    parser.add_argument("--item_features", type=Path, required=True, help=features)
    parser.add_argument("--at", default="0.05", help="the share of the items that are held out")
    parser.add_argument("--seeds", type=whole_number(0), nargs="+", default=[1, 2, 3], help="of all draws")
    parser.add_argument("--negatives", type=whole_number(1), default=99, help="items to rank each item among")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _experiment(flags))


def train_with_features(dataset: "Dataset", seed: int) -> "Score | None":
    """Return the scores of a NeuMF that is trained on the dataset and knows its items' features.

    TO BE FILLED IN once the models take features; None: the simple answers are printed alone.
    """
    return None


def _experiment(flags: argparse.Namespace) -> None:
    from _cold_answers import is_plain, simple_answers

    from ncf_keras.data.cold_tests import cold_tests
    from ncf_keras.data.logs.log import Log
    from ncf_keras.data.prepare import PrepareOptions, prepare
    from ncf_keras.evaluation import LeaveOneOut, ranking_metrics

    rows = Log.of(flags.log).read()
    print(_row(*HEADER))
    print(_row(*["---"] * len(HEADER)))
    comparisons = []
    for seed in flags.seeds:
        options = PrepareOptions(split="cold_items", at=flags.at, seed=seed, negatives=flags.negatives)
        dataset = prepare(rows, options).dataset(flags.log.stem)
        tests = cold_tests(dataset, flags.negatives)
        protocol = LeaveOneOut(tests.users, tests.items, tests.negatives)
        answers = simple_answers(dataset, *_genres_and_years(flags.item_features, dataset), seed)
        values = {"in random order": chance(tests)}
        values |= {name: ranking_metrics(protocol.rankings(score)) for name, score in answers.items()}
        # Each once, the best of one thought first.
        best = list(dict.fromkeys(_best(some, values) for some in ([*filter(is_plain, answers)], answers)))
        scores = train_with_features(dataset, seed)
        if scores is not None:
            values[MODEL] = ranking_metrics(protocol.rankings(scores))
            comparisons += [_compared(seed, name, values[name], values[MODEL]) for name in best]
        sizes = (f"{len(tests.users):,}", f"{len(values[best[0]]['HR@10']):,}")
        for name, found in values.items():
            figures = (f"{found[metric].mean():.4f}" for metric in METRICS)
            print(_row(str(seed), *sizes, f"**{name}**" if name in best else name, *figures), flush=True)
    if comparisons:
        print("", *comparisons, sep="\n")


def _best(names: "Iterable[str]", values: "Mapping[str, Mapping[str, np.ndarray]]") -> str:
    return max(names, key=lambda name: values[name]["HR@10"].mean())


def _genres_and_years(file: Path, dataset: "Dataset") -> "tuple[Feature, Feature]":
    """Return the two features of a dataset's items, from the file for as long as a dataset has none itself."""
    from ncf_keras.base.errors import InputError
    from ncf_keras.data.features import read_features

    features = read_features(file, dataset.item_ids, dataset.num_items)
    if not {"genres", "year"} <= features.keys():
        raise InputError(
            f"`--item_features` must have the columns genres and year. Received: {file}, with "
            f"{', '.join(features)}"
        )
    return features["genres"], features["year"]


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
    seed: int, name: str, simple: "Mapping[str, np.ndarray]", model: "Mapping[str, np.ndarray]"
) -> str:
    """Return what the model gave more than a simple answer, user by user."""
    from ncf_keras.evaluation import compare_paired

    found = compare_paired(*({metric: each[metric] for metric in METRICS} for each in (simple, model)))
    figures = [
        f"{metric} {one.difference.mean:+.4f} ({one.difference.low:+.4f} … {one.difference.high:+.4f}), paired "
        f"t-test p = {'-' if one.t_test is None else f'{one.t_test:.2g}'}"
        for metric, one in found.items()
    ]
    return f"Seed {seed}, {MODEL} against {name}: {'; '.join(figures)}"


def _row(*words: str) -> str:
    return f"| {' | '.join(words)} |"


if __name__ == "__main__":
    sys.exit(main())
