"""How good a folded-in user's list is: against training with the user, and against popularity.

Command:  python run/experiments/fold_in.py --path Data/ --dataset ml-1m (about 4 minutes)

Some users are drawn and taken out of training. Their HR@10 and NDCG@10 by the paper's protocol, of models of
8 factors after the last epoch (no epoch is picked): trained with these users; trained without, and folded in
with their train items as history; and by the popularity of the items among the other users.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.base.files import writable_directory
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import MODELS, add_data_flags, whole_number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_flags(parser)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["GMF", "NeuMF"])
    parser.add_argument("--users", type=whole_number(1), default=200, help="how many are taken out")
    parser.add_argument("--epochs", type=whole_number(0), default=20)
    parser.add_argument(
        "--seed", type=whole_number(0), default=1, help="of the users, the weights, the sampling"
    )
    parser.add_argument("--weights_dir", help="keep the trained models here, and take them from here")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _experiment(flags))


def _experiment(flags: argparse.Namespace) -> None:
    directory = writable_directory(flags.weights_dir, "--weights_dir") if flags.weights_dir else None
    dataset = load_dataset(flags)
    import_tensorflow_quietly()
    from _held_out_users import draw_users, popularity, protocol_of, without_users

    removed = draw_users(dataset, flags.users, flags.seed)
    others = without_users(dataset, removed)
    rows = [("popularity", protocol_of(dataset, removed).evaluate(popularity(others)))]
    for kind in flags.models:
        rows += _rows(kind, flags, directory, dataset, others, removed)
    print(f"\n| {len(removed)} users of {dataset.name} | HR@10 | NDCG@10 |\n|---|---|---|")
    for name, result in rows:
        print(f"| {name} | {result.hr:.4f} | {result.ndcg:.4f} |")


def _rows(
    kind: str,
    flags: argparse.Namespace,
    directory: Path | None,
    dataset: object,
    others: object,
    removed: object,
) -> list[tuple]:
    import numpy as np
    from _held_out_users import protocol_of, trained

    from ncf_keras.models import model_scores
    from ncf_keras.solvers.fold_in import fold_in, with_users

    models = []
    for share, data in (("with", dataset), ("without", others)):
        name = f"{dataset.name}_{kind}_{share}_{len(removed)}_{flags.epochs}_{flags.seed}.h5"
        models.append(trained(kind, data, flags.epochs, flags.seed, directory and directory / name))
    knows_them, knows_them_not = models
    histories = [
        dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]] for user in removed
    ]
    seconds = [_seconds(lambda: fold_in(knows_them_not, histories[:1]))]
    vectors = fold_in(knows_them_not, histories)
    seconds.append(_seconds(lambda: fold_in(knows_them_not, histories)) / len(removed))
    print(f"{kind}: the first user folded in after {seconds[0]:.2f} s, {seconds[1]:.3f} s a user of all")
    folded = with_users(knows_them_not, vectors)
    new_numbers = np.arange(len(removed))
    return [
        (f"{kind}, trained with them", protocol_of(dataset, removed).evaluate(model_scores(knows_them))),
        (
            f"{kind}, folded in",
            protocol_of(dataset, removed, new_numbers).evaluate(model_scores(folded)),
        ),
    ]


def _seconds(action: object) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
