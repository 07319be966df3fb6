"""What an update works out, before anything is put in place: the model, and whether it is good enough.

The served model is compared as it could serve today: its rows as they are, new users and items folded in. So
both models rank every pair, and what is compared is what the training has changed.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.dataset import pair_numbers
from ncf_keras.data.earlier import EarlierDataset
from ncf_keras.data.earlier_ids import EarlierIds
from ncf_keras.data.tidy_log import TidyLog
from ncf_keras.evaluation import LeaveOneOut, PairedComparison, compare_paired, ranking_metrics
from ncf_keras.models import model_scores
from ncf_keras.models.checks import SIDES, sides_in_word
from ncf_keras.training import Trainer
from ncf_keras.training.checkpoints import digest_of
from ncf_keras.training.engines.guard import Diverged
from ncf_keras.training.folding import FoldingProgress
from ncf_keras.training.known_features import KnownFeatures
from ncf_keras.training.moved_features import columns_of
from ncf_keras.training.warm_start import MOST_FOLDED, WarmStart, warm_start
from ncf_keras.updating.news import Newest, is_the_same
from ncf_keras.updating.spec import UpdateSpec
from ncf_keras.weights.loading import sizes_of_file
from ncf_keras.weights.weight_file import WeightFile

# The metrics that decide; the others are told.
DECIDING = ("HR", "NDCG")

Callbacks = Callable[[Trainer], Sequence[keras.callbacks.Callback]]


@dataclass(frozen=True)
class Training:
    """What the training of an update did.

    Attributes:
        epochs: that were done.
        examples: trained on, in all of them.
        seconds: it took.
        comparison: of the served model (a) and the new one (b), by metric; empty if the loss became no number.
        problem: why the new model is not good enough, as a sentence; empty if it is.
    """

    epochs: int
    examples: int
    seconds: float
    comparison: dict[str, PairedComparison]
    problem: str


@dataclass(frozen=True)
class Update:
    """What came of an update.

    Attributes:
        model: what is to be published; None if the served model stays.
        start: what became of the rows of the served model.
        training: None where nothing was trained.
        untrained: why nothing was trained, as a sentence without its full stop; empty if something was.
        not_new: why there is nothing to publish, likewise; empty if there is, or the training was no good.
    """

    model: keras.Model | None = field(repr=False)
    start: WarmStart
    training: Training | None
    untrained: str = ""
    not_new: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return all but the model, as JSON values."""
        trained: dict[str, Any] | None = None
        if self.training is not None:
            trained = asdict(self.training)
            for name, one in self.training.comparison.items():
                trained["comparison"][name]["difference"] = one.difference._asdict()
        rows = {"users": asdict(self.start.users), "items": asdict(self.start.items)}
        return {
            "published": self.model is not None,
            "warm_start": rows,
            "training": trained,
            "untrained": self.untrained,
            "not_new": self.not_new,
        }


def work_out(
    dataset: Dataset,
    earlier: EarlierDataset,
    served: WeightFile,
    spec: UpdateSpec,
    *,
    must_publish: bool = False,
    newest: Newest | None = None,
    callbacks: Callbacks = lambda trainer: (),
    on_folding: FoldingProgress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Update:
    """Warm start from the served model, train, and compare the two on the test pairs.

    Args:
        dataset: the grown one; its test pairs are the newest interaction of each user, which neither model has
            learned from.
        earlier: what it has grown from.
        served: weights of the model that serves, of a size that the dataset has had.
        spec: the settings.
        must_publish: publish the served model, with new rows folded in, where training makes it worse: because
            nothing is served yet, or because users are to be forgotten.
        newest: the newest version that serves: where nothing was trained and it is up to date, there is nothing
            to publish, unless `must_publish` is set. None: whatever comes of it is published.
        callbacks: makes the callbacks of the training.
        on_folding: called while new users and items are folded in.
        on_note: called with a sentence about the training.

    Raises:
        InputError: the weights are of no size that the dataset has had, or break another rule of `warm_start`.
    """
    was = sizes_of_file(served)
    known = EarlierIds(earlier.user_ids.tolist(), earlier.item_ids.tolist(), earlier.sizes)
    ids = known.of_model(was.num_users, was.num_items)
    now = dataclasses.replace(was, num_users=dataset.num_users, num_items=dataset.num_items)
    sides = [side for side in SIDES if getattr(was, f"{side}_features")]
    features = KnownFeatures.of(dataset, sides_in_word(sides))
    described = dataclasses.replace(features.spec(now), identity_dropout=spec.identity_dropout)
    model = described.build(spec.training.seed, **features.matrices)
    start = warm_start(
        model,
        dataset,
        served.layers,
        *ids,
        spec.training.num_neg,
        earlier_columns=(columns_of(earlier.user_features), columns_of(earlier.item_features)),
        most_folded=MOST_FOLDED,
        source=str(served.path),
        on_progress=on_folding,
    )
    weights = model.get_weights()
    training = _train(model, dataset, earlier, spec, callbacks, on_note)
    if training is not None and training.problem:
        if not must_publish:
            return Update(None, start, training)
        model.set_weights(weights)
    if training is not None:
        return Update(model, start, training)
    is_same = is_the_same(dataset, earlier)
    untrained = _untrained(spec, is_same)
    if is_same and not must_publish and newest is not None and newest.is_up_to_date(model, served.layers):
        return Update(None, start, None, untrained, newest.in_words())
    return Update(model, start, None, untrained)


def require_leave_one_out(earlier: EarlierDataset) -> None:
    """Raise InputError if the dataset is split otherwise, which keeps much that is new out of train."""
    if earlier.options.split != "leave-one-out":
        how = "in time" if earlier.options.split == "time" else "with cold items held out,"
        raise InputError(
            "`name` must be of a dataset that is split leave-one-out, because an update learns from the newest "
            "interactions, which another split holds out, at least in part. Received: "
            f"{earlier.name}, split {how} at {earlier.options.at}"
        )


def recent_and_replayed(dataset: Dataset, earlier: EarlierDataset, replay: float, seed: int) -> np.ndarray:
    """Return the places in `train_items` of what was no train interaction before, and of some that were.

    Of the old ones `replay` times as many as new ones are drawn, all if there are no more: int64, ascending.
    """
    known = earlier.frame.iloc[: earlier.num_train]
    before = pair_numbers(known["user"].to_numpy(), known["item"].to_numpy(), dataset.num_items)
    is_new = ~np.isin(pair_numbers(dataset.train_users, dataset.train_items, dataset.num_items), before)
    new, old = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    count = min(len(old), round(replay * len(new)))
    drawn = np.random.default_rng(seed).choice(old, count, replace=False)
    return np.sort(np.concatenate([new, drawn]))


def identity_of(
    log: TidyLog | None,
    forget: Collection[str],
    spec: UpdateSpec,
    titles: Mapping[str, str] | None = None,
    features: Mapping[str, Any] | None = None,
) -> str:
    """Return a digest of what an update is asked to do: its log, whom to forget, its settings and titles.

    `features` says which tables of features there are, as JSON values.
    """
    named = None if titles is None else sorted(titles.items())
    asked = [sorted(forget), spec.to_json(), named]
    settings = json.dumps([*asked, features] if features else asked, sort_keys=bool(features)).encode()
    parts: dict[str, Any] = {"settings": np.frombuffer(settings, np.uint8)}
    if log is not None:
        parts |= {str(name): column.to_numpy() for name, column in log.frame.items()}
        for name, ids in (("user_ids", log.user_ids), ("item_ids", log.item_ids)):
            parts[name] = np.frombuffer("\0".join(ids).encode("utf-8", "surrogatepass"), np.uint8)
    return digest_of(parts)


def _untrained(spec: UpdateSpec, is_same: bool) -> str:
    """Return why nothing was trained."""
    if is_same:
        return "the log has no rows that are not in the dataset, or none that it takes"
    return (
        "0 epochs were asked for" if not spec.training.epochs else "there is no new interaction to learn from"
    )


def _train(
    model: keras.Model,
    dataset: Dataset,
    earlier: EarlierDataset,
    spec: UpdateSpec,
    callbacks: Callbacks,
    on_note: Callable[[str], None] | None,
) -> Training | None:
    """Train the model in place, and compare it with what it was; None where there is nothing to train on."""
    seed, places = spec.training.seed, None
    if spec.replay is not None:
        places = recent_and_replayed(dataset, earlier, spec.replay, seed)
    if not spec.training.epochs or (places is not None and not len(places)):
        return None
    before = _metrics(model, dataset, spec.top_k)
    comparison: dict[str, PairedComparison] = {}
    started = time.perf_counter()
    trainer = Trainer(model, dataset, spec.training, positives=places, on_note=on_note)
    try:
        trainer.fit(callbacks(trainer))
        problem = ""
    except Diverged as error:
        problem = str(error)
    seconds = time.perf_counter() - started
    if not problem:
        comparison = compare_paired(before, _metrics(model, dataset, spec.top_k))
        problem = _fallen(comparison, spec)
    done = trainer.epochs_done
    return Training(done, done * trainer.num_examples, round(seconds, 3), comparison, problem)


def _metrics(model: keras.Model, dataset: Dataset, top_k: int) -> dict[str, np.ndarray]:
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    return ranking_metrics(protocol.rankings(model_scores(model)), [top_k])


def _fallen(comparison: dict[str, PairedComparison], spec: UpdateSpec) -> str:
    """Return a sentence about the metric that has fallen by more than the tolerance, empty if none has."""
    for name in (f"{metric}@{spec.top_k}" for metric in DECIDING):
        difference = comparison[name].difference.mean
        if difference < -spec.tolerance:
            return f"{name} fell by {-difference:.4f}, more than the tolerance of {spec.tolerance:g}"
    return ""
