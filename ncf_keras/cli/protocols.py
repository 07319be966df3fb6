"""The protocols by name, ready to rank a model, and the flags of the commands that evaluate by them."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncf_keras.base.version import __version__
from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.flags import LARGEST_COUNT, whole_number
from ncf_keras.cli.paths import OutputFile
from ncf_keras.cli.scores import item_scores, pair_scores, require_cold_scores

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.data.cold_tests import ColdTests
    from ncf_keras.evaluation import Calibration, ListStatistics, Rankings

# Each is another column of the metrics of all users, a thousand times resampled.
MOST_LENGTHS = 100
PROTOCOLS = ("sampled", "validation", "full", "cold")
NOTES = {
    "sampled": "",
    "validation": "Such figures mean something only for models trained with `--select validation`: others have "
    "learned from these items.",
    "full": "Such figures can't be compared with those of rankings among sampled negatives.",
    "cold": "Such figures can't be compared with those of another protocol, nor of other cold items.",
}


@dataclass(frozen=True)
class Protocol:
    """How a model is ranked.

    Attributes:
        name: one of `PROTOCOLS`.
        description: what is ranked among what.
        note: how not to read the figures, a sentence or empty.
        dataset: whose test pairs are ranked, and whose train interactions are left out of lists.
        cold: the pairs that are ranked instead of those, by the protocol of that name; None by another.
    """

    name: str
    description: str
    note: str
    dataset: "Dataset"
    cold: "ColdTests | None" = None

    def __str__(self) -> str:
        return f"Protocol {self.name}: {self.description}. {self.note}".rstrip()

    @property
    def test_users(self) -> "np.ndarray":
        """The user of each pair that is ranked: int32."""
        return self.dataset.test_users if self.cold is None else self.cold.users

    def require_scores(self, model: Any, argument: str) -> None:
        """Raise InputError, which names `argument`, if the model can't score what the protocol ranks."""
        if self.cold is not None:
            require_cold_scores(model, argument)

    def rank(
        self, model: Any, lists: "ListStatistics | None" = None, calibration: "Calibration | None" = None
    ) -> "Rankings":
        """Rank the test items by a Keras model or a fitted baseline.

        A model that takes recent items is told those of the dataset. `lists`, in a ranking of all items, and
        `calibration` take in what there is for them on the way.
        """
        if self.dataset.train_order is not None and hasattr(model, "layers"):
            from ncf_keras.models.recent import tell_recent_items

            # Of validation pairs, which are held out of train, those before them.
            tell_recent_items(model, self.dataset.recent_items)
        if self.name == "full":
            return _rank_among_all(model, self.dataset, lists, calibration)
        if self.cold is not None:
            pairs = (self.cold.users, self.cold.items, self.cold.negatives)
        else:
            pairs = (self.dataset.test_users, self.dataset.test_items, self.dataset.test_negatives)
        return _rank_among_negatives(model, pairs, calibration)

    def document(
        self,
        dataset: str,
        subject: Mapping[str, str],
        rankings: "Rankings",
        metrics: Mapping[str, object],
        more: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        """Return what `--json` writes; `subject` says which models were ranked, `rankings` is what one gave."""
        from ncf_keras.evaluation.statistics import CONFIDENCE, RESAMPLES

        about = {"protocol": self.name, "description": self.description, "note": self.note, "dataset": dataset}
        counts = {"rankings": len(rankings), "users": len(rankings.distinct_users)}
        bootstrap = {"confidence": CONFIDENCE, "resamples": RESAMPLES, "metrics": metrics}
        return {**about, **subject, **counts, **bootstrap, **(more or {}), "ncf_keras": __version__}


def add_protocol_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--protocol`, `--topk` and `--json`."""
    ranking = (
        "rank the test items among sampled negatives as the paper does, so rank items held out of train "
        "(for models trained with --select validation), or rank the test items among all items, or rank cold "
        "items, held out of train whole, among each other (for models that know items by features)"
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
    from ncf_keras.data.cold_tests import cold_tests

    if name == "full":
        which = "all" if dataset.item_states is None else "all active"
        among = f"{which} items that its user has no train interaction with"
        description = f"each of {dataset.num_test:,} test items ranked among {among}"
        return Protocol(name, description, NOTES[name], dataset)
    if name == "cold":
        with flag_names({"dataset": "`--dataset` with `--protocol` cold"}):
            cold = cold_tests(dataset)
        return Protocol(name, _of_cold(cold), NOTES[name], dataset, cold)
    tests = split_validation(dataset) if name == "validation" else dataset
    kind = "items held out of train" if name == "validation" else "test items"
    among = f"{tests.test_negatives.shape[1]} sampled negatives"
    description = f"each of {tests.num_test:,} {kind} ranked among {among}"
    return Protocol(name, description, NOTES[name], tests)


def _of_cold(cold: "ColdTests") -> str:
    """Return what is ranked among what, with the pairs that are ranked among fewer items and those left out."""
    width, fewest = cold.negatives.shape[1], int(cold.counts.min())
    among = f"{width} sampled of the {cold.num_cold:,} cold items, without its user's others"
    if fewest < width:
        short = int((cold.counts < width).sum())
        among += f" (for {short:,} of them fewer are left and all are taken, {fewest} at the fewest)"
    if cold.without_negatives:
        among += f"; {cold.without_negatives:,} pairs of users who have them all are left out"
    return f"each of {len(cold.users):,} held-out interactions with cold items ranked among {among}"


def _rank_among_negatives(
    model: Any, pairs: "tuple[np.ndarray, np.ndarray, np.ndarray]", calibration: "Calibration | None"
) -> "Rankings":
    from ncf_keras.evaluation import LeaveOneOut

    return LeaveOneOut(*pairs).rankings(pair_scores(model), calibration)


def _rank_among_all(
    model: Any, dataset: "Dataset", lists: "ListStatistics | None", calibration: "Calibration | None"
) -> "Rankings":
    import numpy as np

    from ncf_keras.evaluation import FullRanking

    # Among known items alone, with features too: all models, baselines as well, are ranked among the same ones.
    protocol = FullRanking(
        dataset.train_offsets,
        dataset.train_items,
        dataset.test_users,
        dataset.test_items,
        dataset.num_items,
        dataset.active_items,
    )
    score_all = item_scores(model, dataset.num_items)
    with progress_bar(len(np.unique(dataset.test_users)), "users") as show:
        done = 0

        def score_and_show(users: "np.ndarray") -> "np.ndarray":
            nonlocal done
            scores = score_all(users)
            done += len(users)
            show("ranking", done)
            return scores

        return protocol.rankings(score_and_show, lists=lists, calibration=calibration)
