"""The tables of `replay.py`, from the positions of the test pairs."""

from collections.abc import Iterator, Sequence

import numpy as np
from _replay_methods import METHODS
from _replayed_log import ReplayedLog

from ncf_keras.data import Dataset
from ncf_keras.evaluation import compare_paired, hit_ratio, ndcg

TOP_K = 10
WORDS = {
    "anew": "trained anew",
    "warm": "warm start",
    "frozen": "day one's, folded in",
    "popularity": "popularity",
}
Results = Sequence[dict[str, dict]]


def tables(log: ReplayedLog, datasets: Sequence[Dataset], results: Results) -> Iterator[str]:
    """Yield the lines of all tables.

    Args:
        log: what was replayed.
        datasets: that of each step.
        results: what `Replay.results` returned.
    """
    for protocol, name in (("sampled", "99 sampled negatives"), ("full", "full ranking")):
        yield f"HR@{TOP_K} / NDCG@{TOP_K}, {name}:"
        yield ""
        yield from _steps_table(log, datasets, results, protocol)
        yield ""
    yield from _seconds_table(results)
    yield ""
    yield from _difference(results)
    yield ""
    yield from _newcomers_table(log, datasets, results)


def _steps_table(
    log: ReplayedLog, datasets: Sequence[Dataset], results: Results, protocol: str
) -> Iterator[str]:
    yield f"| step | pairs | left out | {' | '.join(WORDS.values())} |"
    yield f"|---|---|---|{'---|' * len(METHODS)}"
    figures = np.array([[_means(result[method], protocol) for method in METHODS] for result in results])
    for step, (dataset, of_step) in enumerate(zip(datasets, figures, strict=True), 1):
        tests = len(dataset.test_users)
        left_out = log.bounds[step] - log.bounds[step - 1] - tests
        yield f"| {step} | {tests:,} | {left_out:,} | {_cells(of_step)} |"
    tests = sum(len(dataset.test_users) for dataset in datasets[1:])
    yield f"| mean of 2 to {len(results)} | {tests:,} | | {_cells(figures[1:].mean(axis=0))} |"


def _means(result: dict, protocol: str) -> tuple[float, float]:
    metrics = _metrics(result["positions"][protocol])
    return tuple(values.mean() for values in metrics.values())


def _cells(figures: np.ndarray) -> str:
    return " | ".join(f"{hr:.4f} / {gain:.4f}" for hr, gain in figures)


def _metrics(positions: np.ndarray) -> dict[str, np.ndarray]:
    return {"HR": hit_ratio(positions, TOP_K), "NDCG": ndcg(positions, TOP_K)}


def _seconds_table(results: Results) -> Iterator[str]:
    seconds = {name: [result[name]["seconds"] for result in results[1:]] for name in METHODS[:3]}
    yield "| seconds before each step | mean | share of training anew |"
    yield "|---|---|---|"
    for name, values in seconds.items():
        yield f"| {WORDS[name]} | {np.mean(values):.1f} | {np.sum(values) / np.sum(seconds['anew']):.3f} |"


def _difference(results: Results) -> Iterator[str]:
    """Yield how far warm start is from training anew."""
    for protocol in ("sampled", "full"):
        anew, warm = (_pooled(results, method, protocol) for method in ("anew", "warm"))
        for metric, one in compare_paired(anew, warm).items():
            steps = [_by_step(result, protocol, metric) for result in results[1:]]
            interval = f"{one.difference.low:+.4f} to {one.difference.high:+.4f}"
            yield (
                f"Warm start minus trained anew, {metric}@{TOP_K}, {protocol}: {np.mean(steps):+.4f} as the "
                f"mean of the steps; over all pairs {one.difference.mean:+.4f} ({interval}).  "
            )


def _by_step(result: dict, protocol: str, metric: str) -> float:
    warm, anew = (_metrics(result[name]["positions"][protocol])[metric].mean() for name in ("warm", "anew"))
    return float(warm - anew)


def _pooled(
    results: Results, method: str, protocol: str, chosen: Sequence[np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Return the metrics of the test pairs of all steps from the second, or of those that are chosen."""
    positions = [result[method]["positions"][protocol] for result in results[1:]]
    if chosen is not None:
        positions = [values[which] for values, which in zip(positions, chosen, strict=True)]
    return _metrics(np.concatenate(positions))


def _newcomers_table(log: ReplayedLog, datasets: Sequence[Dataset], results: Results) -> Iterator[str]:
    yield "| newcomers since day one, 99 sampled negatives | pairs | model | HR@10 | p | NDCG@10 | p |"
    yield "|---|---|---|---|---|---|---|"
    num_users, num_items = log.sizes_before(1)
    for name, chosen in (
        ("users", [dataset.test_users >= num_users for dataset in datasets[1:]]),
        ("items", [dataset.test_items >= num_items for dataset in datasets[1:]]),
    ):
        count = sum(int(which.sum()) for which in chosen)
        if not count:
            yield f"| {name} | 0 | | | | | |"
            continue
        popularity = _pooled(results, "popularity", "sampled", chosen)
        for method in METHODS:
            compared = compare_paired(popularity, _pooled(results, method, "sampled", chosen)).values()
            cells = " | ".join(f"{one.mean_b:.4f} | {_p_value(one.t_test)}" for one in compared)
            yield f"| {name} | {count:,} | {WORDS[method]} | {cells} |"


def _p_value(value: float | None) -> str:
    return "" if value is None else f"{value:.1g}"
