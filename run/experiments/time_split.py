"""What leave-one-out learns from the future: one log, split leave-one-out and in time.

Command:  python run/experiments/time_split.py --log ml-100k/u.data (a minute or two)

NeuMF of 8 factors is trained on each split for the same number of epochs, none of which is selected, and ranks
its test pairs among 99 sampled negatives and among all items; so does the popularity of the items in train. Of
a split in time the test pairs are warm. For each test pair it is counted how many of the train interactions
that the model has learned from are later, of all items and of the very item that is to be predicted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import whole_number

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.data.prepared_log import PreparedLog

METRICS = ("HR@10", "NDCG@10")
HEADER = ("split", "test pairs", "test users", "model", "sampled HR@10", "NDCG@10", "full HR@10", "NDCG@10")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True, help="interactions with timestamps")
    parser.add_argument("--at", default="0.8", help="where the split in time is, as of ncf prepare")
    parser.add_argument("--epochs", type=whole_number(1), default=12)
    parser.add_argument("--negatives", type=whole_number(1), default=99, help="items to rank each item among")
    parser.add_argument("--seed", type=whole_number(0), default=1, help="of weights and sampling")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _experiment(flags))


def _experiment(flags: argparse.Namespace) -> None:
    from ncf_keras.data.logs.log import Log
    from ncf_keras.data.prepare import PrepareOptions, prepare

    rows = Log.of(flags.log).read()
    splits = {
        "leave-one-out": PrepareOptions(negatives=flags.negatives),
        f"in time at {flags.at}": PrepareOptions(negatives=flags.negatives, split="time", at=flags.at),
    }
    logs = {name: prepare(rows, options) for name, options in splits.items()}
    import_tensorflow_quietly()
    print(_row(*HEADER))
    print(_row(*["---"] * len(HEADER)))
    for name, log in logs.items():
        dataset = log.dataset(name)
        sizes = (f"{dataset.num_test:,}", f"{len(set(dataset.test_users.tolist())):,}")
        for model, figures in _figures(dataset, flags.epochs, flags.seed).items():
            print(_row(name, *sizes, model, *(f"{figure:.4f}" for figure in figures)), flush=True)
    print()
    for name, log in logs.items():
        share, of_item = later_shares(log)
        print(
            f"{name}: of the train interactions {share:.1%} are later than a test pair, and {of_item:.1%} of "
            "those with its item (means over the test pairs)"
        )


def later_shares(log: "PreparedLog") -> tuple[float, float]:
    """Return which share of the train interactions is later than a test pair, and of those with its item.

    Both are means over the test pairs; a pair whose item has no train interaction counts for the first alone.
    """
    import numpy as np

    times, items = (log.train[column].to_numpy() for column in ("timestamp", "item"))
    in_order = np.sort(times)
    tests = list(zip(log.test["timestamp"].to_numpy(), log.test["item"].to_numpy(), strict=True))
    of_item = {item: np.sort(times[items == item]) for item in {item for _, item in tests}}
    shares = [_share_after(in_order, time) for time, _ in tests]
    own = [_share_after(of_item[item], time) for time, item in tests if len(of_item[item])]
    return float(np.mean(shares)), float(np.mean(own))


def _share_after(ascending: "np.ndarray", time: float) -> float:
    return 1 - ascending.searchsorted(time, side="right") / len(ascending)


def _figures(dataset: "Dataset", epochs: int, seed: int) -> dict[str, list[float]]:
    """Return the sampled and the full figures of popularity and of a trained NeuMF."""
    import numpy as np

    from ncf_keras.evaluation import FullRanking, LeaveOneOut, ranking_metrics
    from ncf_keras.models import ModelSpec, model_scores
    from ncf_keras.models.scoring import all_scores
    from ncf_keras.training import Trainer, TrainingSpec

    model = ModelSpec("NeuMF", dataset.num_users, dataset.num_items).build(seed)
    Trainer(model, dataset, TrainingSpec(epochs=epochs, select="none", seed=seed)).fit()
    counts = dataset.item_counts.astype(np.float32)
    tests = (dataset.test_users, dataset.test_items)
    sampled = LeaveOneOut(*tests, dataset.test_negatives)
    full = FullRanking(
        dataset.train_offsets, dataset.train_items, *tests, dataset.num_items, dataset.active_items
    )
    contenders = {
        "popularity": (lambda users, items: counts[items], lambda users: np.tile(counts, (len(users), 1))),
        "NeuMF-8": (model_scores(model), all_scores(model, dataset.num_items)),
    }
    found: dict[str, list[float]] = {}
    for name, (score, score_all) in contenders.items():
        rankings = (sampled.rankings(score), full.rankings(score_all))
        values = [ranking_metrics(ranking, (10,)) for ranking in rankings]
        found[name] = [float(each[metric].mean()) for each in values for metric in METRICS]
    return found


def _row(*words: str) -> str:
    return f"| {' | '.join(words)} |"


if __name__ == "__main__":
    sys.exit(main())
