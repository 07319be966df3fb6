"""What `ncf evaluate --report` shows: the figures of an evaluation, and some users with their lists."""

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.version import __version__
from ncf_keras.cli.console import import_tensorflow_quietly
from ncf_keras.cli.evaluation_text import cold_lines, shown_metrics

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.cli.evaluation import Evaluation
    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import Rankings
    from ncf_keras.reporting.contents import Curve, SampledUser, ShownItem

SAMPLED_USERS = 10
SEED = 0
# Of one user: the items that are shown of a history, of the held-out ones, and of a list.
MOST_SHOWN = 10
# The points of a curve.
MOST_POINTS = 100


def report_page(
    evaluation: "Evaluation",
    model: Any,
    dataset: "Dataset",
    top_ks: Sequence[int],
    subject: Mapping[str, str],
    command: str,
) -> str:
    """Return the page as HTML.

    Args:
        evaluation: the figures.
        model: what they are of, which also makes the lists.
        dataset: as it was read.
        top_ks: the Ks of the evaluation.
        subject: `model` and `weights`, what is said of the model.
        command: the command line.
    """
    import_tensorflow_quietly()
    from ncf_keras.reporting.contents import Report
    from ncf_keras.reporting.page import report_html

    protocol, longest = evaluation.protocol, max(top_ks)
    names = shown_metrics(evaluation, longest)
    calibration = evaluation.calibration
    facts = (
        ("Dataset", _dataset_in_words(dataset)),
        ("Model", f"{subject['model']}, from {subject['weights']}"),
        ("Protocol", f"{protocol.name}: {protocol.description}"),
        ("Command", command),
        ("Made", f"{datetime.date.today().isoformat()} by ncf_keras {__version__}"),
    )
    report = Report(
        title=f"{subject['model']} on {dataset.name}",
        sentence=_sentence(evaluation, longest),
        note=protocol.note,
        headline={name: evaluation.intervals[name] for name in names[:3]},
        curves=_curves(evaluation.rankings, min(longest, dataset.num_items)),
        metrics=evaluation.intervals,
        beyond=evaluation.lists,
        segments=evaluation.segments,
        segment_metrics=names[:3],
        segment_notes=[] if evaluation.cold is None else cold_lines(evaluation.cold, longest),
        calibration=None if calibration is None else calibration.curve(),
        negatives=0 if calibration is None else calibration.negatives,
        users=_sampled_users(evaluation, model, min(longest, MOST_SHOWN)),
        facts=facts,
    )
    return report_html(report)


def _dataset_in_words(dataset: "Dataset") -> str:
    return (
        f"{dataset.name}: {dataset.num_users:,} users, {dataset.num_items:,} items, "
        f"{dataset.num_train:,} train interactions, {dataset.num_test:,} test pairs"
    )


def _sentence(evaluation: "Evaluation", top_k: int) -> str:
    """Return the hit ratio in words."""
    rankings, share = evaluation.rankings, evaluation.intervals[f"HR@{top_k}"].mean
    users = len(rankings.distinct_users)
    _, _, among = evaluation.protocol.description.partition(" ranked among ")
    if len(rankings.positions) == users:
        what = "the held-out item stands"
    elif len(rankings) == users:
        what = "at least one held-out item stands"
    else:
        what = f"stand among the first {top_k}, each ranked against {among}"
        return f"Of a user’s held-out items, on average {share:.1%} {what}."
    return f"For {share:.1%} of {users:,} users, {what} among the first {top_k}, ranked against {among}."


def _curves(rankings: "Rankings", longest: int) -> "list[Curve]":
    import numpy as np

    from ncf_keras.evaluation import metric_intervals, ranking_metrics
    from ncf_keras.reporting.contents import Curve

    top_ks = np.unique(np.linspace(1, longest, min(longest, MOST_POINTS)).round().astype(int)).tolist()
    values = ranking_metrics(rankings, top_ks)
    curves = []
    for name in ("HR", "NDCG"):
        intervals = metric_intervals({f"{name}@{k}": values[f"{name}@{k}"] for k in top_ks})
        curves.append(Curve(name, top_ks, list(intervals.values())))
    return curves


def _sampled_users(evaluation: "Evaluation", model: Any, length: int) -> "list[SampledUser]":
    """Return some test users with their lists; none if the model can't make lists of these scores.

    What they knew is what the protocol took for known: of validation, train without the held-out items.
    """
    import numpy as np

    from ncf_keras.recommending import Recommender
    from ncf_keras.recommending.ids import ids_of_items, ids_of_users
    from ncf_keras.recommending.listed import Listed
    from ncf_keras.reporting.contents import SampledUser

    dataset = evaluation.protocol.dataset
    generator = np.random.default_rng(SEED)
    users = evaluation.rankings.distinct_users
    drawn = np.sort(generator.choice(users, min(SAMPLED_USERS, len(users)), replace=False))
    known = Listed.of(dataset, model)
    ids = ids_of_users(dataset, known).named(drawn)
    try:
        lists = Recommender(model, dataset).recommend(list(ids), length)
    except InputError:
        return []
    listed = np.asarray(lists["item_id"])
    owners = np.asarray(lists["user_id"])
    items, shown = ids_of_items(dataset, known), []
    for user, raw in zip(drawn.tolist(), ids, strict=True):
        history = dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]]
        some = generator.choice(history, min(MOST_SHOWN, len(history)), replace=False)
        held_out, places = _held_out(evaluation.rankings, user)
        best = items.find(listed[owners == raw])
        shown.append(
            SampledUser(
                str(raw),
                _items(dataset, some),
                len(history),
                _items(dataset, held_out[:MOST_SHOWN], places[:MOST_SHOWN]),
                len(held_out),
                _items(dataset, best, None, set(held_out.tolist())),
            )
        )
    return shown


def _held_out(rankings: "Rankings", user: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return the test items of a user and their places from 1, by place."""
    import numpy as np

    assert rankings.items is not None
    of_user = np.flatnonzero(rankings.relevant_users == user)
    of_user = of_user[np.argsort(rankings.positions[of_user], kind="stable")]
    return rankings.items[of_user], rankings.positions[of_user] + 1


def _items(
    dataset: "Dataset",
    items: "np.ndarray",
    places: "np.ndarray | None" = None,
    held_out: "set[int] | frozenset[int]" = frozenset(),
) -> "list[ShownItem]":
    """Return items by title, or by id where they have none."""
    from ncf_keras.reporting.contents import ShownItem

    shown = []
    for number, item in enumerate(items.tolist()):
        raw = item if dataset.item_ids is None else dataset.item_ids[item]
        title = (dataset.item_titles[item] if dataset.item_titles is not None else "") or f"Item {raw}"
        shown.append(ShownItem(title, None if places is None else int(places[number]), item in held_out))
    return shown
