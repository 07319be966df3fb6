"""The three protocols by name, ready to rank a model, and the flags of the commands that evaluate by them."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncf_keras.base.version import __version__
from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.flags import LARGEST_COUNT, whole_number
from ncf_keras.cli.paths import OutputFile
from ncf_keras.cli.scores import item_scores, pair_scores

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import Rankings

# Each is another column of the metrics of all users, a thousand times resampled.
MOST_LENGTHS = 100
PROTOCOLS = ("sampled", "validation", "full")
NOTES = {
    "sampled": "",
    "validation": "Such figures mean something only for models trained with `--select validation`: others have "
    "learned from these items.",
    "full": "Such figures can't be compared with those of rankings among sampled negatives.",
}


@dataclass(frozen=True)
class Protocol:
    """How a model is ranked: what among what, and how not to read the figures, a sentence or empty.

    `rank` takes a Keras model or a fitted baseline.
    """

    name: str
    description: str
    note: str
    rank: "Callable[[Any], Rankings]"

    def __str__(self) -> str:
        return f"Protocol {self.name}: {self.description}. {self.note}".rstrip()

    def document(
        self,
        dataset: str,
        subject: Mapping[str, str],
        rankings: int,
        metrics: Mapping[str, object],
        more: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        """Return what `--json` writes; `subject` says which models were ranked, `rankings` how often."""
        from ncf_keras.evaluation.statistics import CONFIDENCE, RESAMPLES

        about = {"protocol": self.name, "description": self.description, "note": self.note, "dataset": dataset}
        bootstrap = {"rankings": rankings, "confidence": CONFIDENCE, "resamples": RESAMPLES, "metrics": metrics}
        return {**about, **subject, **bootstrap, **(more or {}), "ncf_keras": __version__}


def add_protocol_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--protocol`, `--topk` and `--json`."""
    ranking = (
        "rank the test items among sampled negatives as the paper does, so rank items held out of train "
        "(for models trained with --select validation), or rank the test items among all items"
    )
    parser.add_argument("--protocol", choices=PROTOCOLS, default="sampled", help=ranking)
    lengths = "length of the ranked list, or several"
    parser.add_argument("--topk", type=parse_top_ks, default="10", metavar="K[,K…]", help=lengths)
    parser.add_argument("--json", type=OutputFile, metavar="FILE", help="write the figures to a file, too")


def parse_top_ks(text: str) -> tuple[int, ...]:
    """Return the numbers in `5,10,20`, ascending, each once; for argparse."""
    try:
        lengths = tuple(sorted({whole_number(1)(part.strip()) for part in text.split(",")}))
        if len(lengths) > MOST_LENGTHS:
            raise argparse.ArgumentTypeError
        return lengths
    except argparse.ArgumentTypeError:
        rule = f"must be 1 to {MOST_LENGTHS} whole numbers from 1 to {LARGEST_COUNT:,}, such as 10 or 5,10,20"
        raise argparse.ArgumentTypeError(f"{rule}. Received: {text[:40]!r}") from None


def make_protocol(name: str, dataset: "Dataset") -> Protocol:
    """Return the protocol of that name on a dataset; InputError if the dataset has no pairs for it."""
    from ncf_keras.data import split_validation

    if name == "full":
        which = "all" if dataset.item_states is None else "all active"
        among = f"{which} items that its user has no train interaction with"
        description = f"each of {dataset.num_test:,} test items ranked among {among}"
        return Protocol(name, description, NOTES[name], lambda model: _rank_among_all(model, dataset))
    tests = split_validation(dataset) if name == "validation" else dataset
    kind = "items held out of train" if name == "validation" else "test items"
    among = f"{tests.test_negatives.shape[1]} sampled negatives"
    description = f"each of {tests.num_test:,} {kind} ranked among {among}"

    def rank_among_negatives(model: Any) -> "Rankings":
        from ncf_keras.evaluation import LeaveOneOut

        protocol = LeaveOneOut(tests.test_users, tests.test_items, tests.test_negatives)
        return protocol.rankings(pair_scores(model))

    return Protocol(name, description, NOTES[name], rank_among_negatives)


def _rank_among_all(model: Any, dataset: "Dataset") -> "Rankings":
    from ncf_keras.evaluation import FullRanking

    protocol = FullRanking(
        dataset.train_offsets,
        dataset.train_items,
        dataset.test_users,
        dataset.test_items,
        dataset.num_items,
        dataset.active_items,
    )
    score_all = item_scores(model, dataset.num_items)
    with progress_bar(dataset.num_test, "users") as show:
        done = 0

        def score_and_show(users: "np.ndarray") -> "np.ndarray":
            nonlocal done
            scores = score_all(users)
            done += len(users)
            show("ranking", done)
            return scores

        return protocol.rankings(score_and_show)
