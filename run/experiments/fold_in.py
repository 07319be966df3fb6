"""How good folded-in users' lists and folded-in items' places are: against training with them, and popularity.

Command:  python run/experiments/fold_in.py --path Data/ --dataset ml-1m (about 15 minutes)

Some users are drawn and taken out of training, and some items, several times. By the paper's protocol, of
models of 8 factors after the last epoch (no epoch is picked): trained with them; trained without, and folded in
with their train interactions as history; and by popularity.

Of the users their own HR@10 and NDCG@10. Of the items the HR@10 of the test pairs whose held-out item is one of
them. That alone would reward an item that is put first for everybody, so there is the HR@10 of all test pairs
beside it, among whose negatives these items are too. Histories of few users, drawn from all of an item's, show
what becomes of an item that has just been published.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.base.files import writable_directory
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import MODELS, add_data_flags, whole_number

if TYPE_CHECKING:
    import keras
    import numpy as np

    from ncf_keras.data import Dataset


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_flags(parser)
    add = parser.add_argument
    add("--models", nargs="+", choices=MODELS, default=["GMF", "NeuMF"])
    add("--users", type=whole_number(0), default=200, help="how many are taken out; 0: leave this out")
    add("--items", type=whole_number(0), default=100, help="how many are taken out; 0: leave this out")
    add("--draws", type=whole_number(1), default=3, help="how often items are drawn")
    add("--few", type=whole_number(1), nargs="+", default=[10, 50], help="lengths of short histories of items")
    add("--epochs", type=whole_number(0), default=20)
    add("--seed", type=whole_number(0), default=1, help="of what is drawn, the weights, the sampling")
    add("--weights_dir", help="keep the trained models here, and take them from here")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _experiment(flags))


def _experiment(flags: argparse.Namespace) -> None:
    directory = writable_directory(flags.weights_dir, "--weights_dir") if flags.weights_dir else None
    from _one_pair import require_one_pair_a_user

    dataset = load_dataset(flags)
    require_one_pair_a_user(dataset)
    import_tensorflow_quietly()
    from _held_out import trained

    def train(kind: str, data: "Dataset", share: str) -> "keras.Model":
        name = f"{dataset.name}_{kind}_{share}_{flags.epochs}_{flags.seed}.h5"
        return trained(kind, data, flags.epochs, flags.seed, directory and directory / name)

    whole = {kind: train(kind, dataset, "with") for kind in flags.models}
    if flags.users:
        _users(flags, dataset, whole, train)
    if flags.items:
        _items(flags, dataset, whole, train)


def _users(flags: argparse.Namespace, dataset: "Dataset", whole: dict, train: Callable) -> None:
    import numpy as np
    from _held_out import draw_users, popularity, protocol_of, without_users

    from ncf_keras.models import model_scores
    from ncf_keras.solvers.fold_in import UserFolder, with_users

    removed = draw_users(dataset, flags.users, flags.seed)
    others, own = without_users(dataset, removed), protocol_of(dataset, removed)
    renumbered = protocol_of(dataset, removed, np.arange(len(removed)))
    histories = [
        dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]] for user in removed
    ]
    rows = [("popularity", own.evaluate(popularity(others)))]
    for kind, knows_them in whole.items():
        knows_them_not = train(kind, others, f"without_users_{len(removed)}")
        folded = with_users(knows_them_not, _folded(UserFolder(knows_them_not), histories, f"{kind}: a user"))
        rows.append((f"{kind}, trained with them", own.evaluate(model_scores(knows_them))))
        rows.append((f"{kind}, folded in", renumbered.evaluate(model_scores(folded))))
    print(f"\n| {len(removed)} users of {dataset.name} | HR@10 | NDCG@10 |\n|---|---|---|")
    for name, result in rows:
        print(f"| {name} | {result.hr:.4f} | {result.ndcg:.4f} |")


def _items(flags: argparse.Namespace, dataset: "Dataset", whole: dict, train: Callable) -> None:
    import numpy as np
    from _held_out import draw_items, without_items

    from ncf_keras.evaluation import LeaveOneOut
    from ncf_keras.models import model_scores

    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    # By contender, of each draw: the hits of the pairs that hold one of the items, and of all pairs.
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def rank(name: str, score: Callable, removed: "np.ndarray") -> None:
        hits = protocol.evaluate(score).hits
        found.setdefault(name, []).append((hits[np.isin(dataset.test_items, removed)], hits))

    for draw in range(flags.draws):
        removed = draw_items(dataset, flags.items, flags.seed + draw)
        others = without_items(dataset, removed)
        histories = {few: _histories(dataset, removed, few, flags.seed) for few in (None, *flags.few)}
        for few, users in histories.items():
            counts = dataset.item_counts.astype(np.float32)
            counts[removed] = [len(history) for history in users]
            rank(f"popularity{_by(few)}", lambda _, items, counts=counts: counts[items], removed)
        for kind, knows_them in whole.items():
            rank(f"{kind}, trained with them", model_scores(knows_them), removed)
            knows_them_not = train(kind, others, f"without_items_{len(removed)}_{flags.seed + draw}")
            for few, users in histories.items():
                model = _with_folded(knows_them_not, others, removed, users, f"{kind}: an item{_by(few)}")
                rank(f"{kind}, folded in{_by(few)}", model_scores(model), removed)
    _print_items(found, f"{len(removed)} items of {dataset.name}, {flags.draws} draws")


def _print_items(found: dict[str, list], title: str) -> None:
    import numpy as np

    from ncf_keras.evaluation import bootstrap_intervals

    pairs = sum(len(own) for own, _ in found["popularity"])
    if not pairs:
        print(f"\n{title}: no test pair holds one of them")
        return
    print(f"\n| {title}, {pairs} test pairs | HR@10 | above trained with them | HR@10 of all pairs |")
    print("|---|---|---|---|")
    for name, draws in found.items():
        own = np.concatenate([own for own, _ in draws])
        trained = found.get(f"{name.split(',')[0]}, trained with them", draws)
        (above,) = bootstrap_intervals((own - np.concatenate([own for own, _ in trained]))[:, None])
        interval = "" if trained is draws else f"{above.mean:+.4f} ({above.low:+.4f} … {above.high:+.4f})"
        print(f"| {name} | {own.mean():.4f} | {interval} | {np.mean([hits for _, hits in draws]):.4f} |")


def _by(few: int | None) -> str:
    return "" if few is None else f" by {few} users each"


def _histories(dataset: "Dataset", items: "np.ndarray", few: int | None, seed: int) -> list["np.ndarray"]:
    """Return the users of each item, or so many of them drawn at random."""
    import numpy as np

    columns = dataset.train_matrix.tocsc()
    histories = [columns.indices[columns.indptr[item] : columns.indptr[item + 1]] for item in items]
    generator = np.random.default_rng(seed)
    return histories if few is None else [generator.permutation(users)[:few] for users in histories]


def _with_folded(
    model: "keras.Model", others: "Dataset", removed: "np.ndarray", histories: list, name: str
) -> "keras.Model":
    """Return the model with the removed items folded in, all numbered as in the whole dataset."""
    import numpy as np

    from ncf_keras.models.factored import FactoredModel
    from ncf_keras.solvers.fold_in import ItemFolder, with_items

    folder = ItemFolder(model, user_counts=np.diff(others.train_offsets))
    vectors = _folded(folder, histories, name)
    stays = ~np.isin(np.arange(others.num_items + len(removed)), removed)
    tables = []
    for known, rows in zip(FactoredModel(model).items, vectors, strict=True):
        table = np.zeros((len(stays), known.width), np.float32)
        table[stays], table[removed] = known.table().numpy(), rows
        tables.append(table)
    return with_items(model, tables)


def _folded(folder: Callable, histories: list, name: str) -> Any:
    """Return the rows of all histories, and print how long one takes."""
    folder(histories[:1])
    started = time.perf_counter()
    vectors = folder(histories)
    print(f"{name} folded in after {1000 * (time.perf_counter() - started) / len(histories):.1f} ms")
    return vectors


if __name__ == "__main__":
    sys.exit(main())
