"""A report of made-up figures whose texts a page could trip over."""

import numpy as np

from ncf_keras.evaluation import CalibrationCurve, MeanInterval, SegmentMetrics, SegmentTable
from ncf_keras.reporting.contents import Curve, Report, SampledUser, ShownItem
from tests.browsing.shelf import EMOJI, HEBREW, IMAGE, SCRIPT

OVERRIDE = "evil\u202egnp.exe\x1b[31m\x00\n\ud800\ufffe"
ENDS_STYLE = "</style></title><b>&amp;"
HOSTILE = [SCRIPT, IMAGE, HEBREW, EMOJI, OVERRIDE, ENDS_STYLE, "'\"&<>"]
# As a reader sees them.
SHOWN = {OVERRIDE: r"evil\u202egnp.exe\x1b[31m\x00\n\ud800\ufffe"}
LONG = "n" * 2000


def interval(mean):
    return MeanInterval(mean, mean * 0.9, mean * 1.1)


METRICS = {
    f"{name}@{k}": interval((number + 1) * k / 400)
    for k in (5, 10)
    for number, name in enumerate(("HR", "NDCG", "MRR", "MAP", "recall"))
}


def small_report() -> Report:
    """Return a report with every section."""
    rows = tuple(
        SegmentMetrics(
            name, 40 + n, 40 + 2 * n, {key: interval(one.mean * (n + 1)) for key, one in METRICS.items()}
        )
        for n, name in enumerate([*HOSTILE, LONG])
    )
    curve = Curve("HR", list(range(1, 11)), [interval(k / 40) for k in range(1, 11)])
    empty = np.nan
    calibration = CalibrationCurve(
        np.array([0, 0.25, 0.5, 0.75, 1]), np.array([0.5, 0.3, 0, 0.2]), np.array([0.1, 0.3, empty, 0.8]),
        np.array([0.2, 0.3, empty, 0.6]),
    )  # fmt: skip
    items = [ShownItem(title, number + 1, number == 2) for number, title in enumerate([*HOSTILE, LONG])]
    user = SampledUser(SCRIPT, items, 1234, items[2:3], 1, items)
    return Report(
        title=f"GMF on {SCRIPT}",
        sentence="For 2.5% of 40 users, the held-out item stands among the first 10.",
        note="A note.",
        headline={name: METRICS[name] for name in ("HR@10", "NDCG@10")},
        curves=[curve, Curve("NDCG", [1], [interval(0.0)])],
        metrics=METRICS,
        beyond={"coverage@5": 0.25, "coverage@10": 0.5, "popularity@5": 1234.56, "popularity@10": None},
        segments=[SegmentTable(IMAGE, "item", rows, 7)],
        segment_metrics=["HR@10", "NDCG@10"],
        segment_notes=["Cold: 3 pairs."],
        calibration=calibration,
        negatives=4,
        users=[user, SampledUser("7", [], 0, items[:1], 1, [])],
        facts=[("Dataset", SCRIPT), ("Command", f"ncf evaluate --weights '{ENDS_STYLE}'")],
    )
