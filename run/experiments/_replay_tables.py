"""The tables of `replay.py`, from the positions of the test pairs.

Every user counts alike in a step: with the mean of the user's pairs. In a log of sessions a few users have most
of the pairs of a step, and pairs of one session are not independent, as a test of means has them. What each
pair counted alike would give is told beside it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from _replay_methods import METHODS
from _replayed_log import ReplayedLog

from ncf_keras.data import Dataset
from ncf_keras.evaluation import compare_paired, hit_ratio, ndcg, paired_t_test

TOP_K = 10
WORDS = {
    "anew": "trained anew",
    "warm": "warm start",
    "frozen": "day one's, folded in",
    "popularity": "popularity",
}
PROTOCOLS = {"sampled": "99 sampled negatives", "full": "full ranking"}
COSTS = ("examples", "training", "folding")
COUNTED = {True: "user", False: "pair"}
Values = dict[str, np.ndarray]


class TestedStep(NamedTuple):
    """A step, and where its test pairs stand.

    Attributes:
        dataset: with the test pairs.
        results: of each seed the result of each method, as `Replay.results` has it.
    """

    dataset: Dataset
    results: Sequence[dict[str, dict]]

    def values(self, method: str, protocol: str, by_user: bool, chosen: np.ndarray | None = None) -> Values:
        """Return HR and NDCG of each pair, or of each user the mean over the pairs; of those `chosen` alone.

        They are means over the seeds.
        """
        users = self.dataset.test_users
        positions = np.array([result[method]["positions"][protocol] for result in self.results])
        if chosen is not None:
            users, positions = users[chosen], positions[:, chosen]
        values = {"HR": hit_ratio(positions, TOP_K), "NDCG": ndcg(positions, TOP_K)}
        values = {name: each.mean(axis=0) for name, each in values.items()}
        if not by_user:
            return values
        _, row, counts = np.unique(users, return_inverse=True, return_counts=True)
        return {name: np.bincount(row, each, len(counts)) / counts for name, each in values.items()}


def tables(log: ReplayedLog, steps: Sequence[TestedStep]) -> Iterator[str]:
    """Yield the lines of all tables; `steps` are those of the log, the first included."""
    for protocol in PROTOCOLS:
        yield from [f"HR@{TOP_K} / NDCG@{TOP_K}, {PROTOCOLS[protocol]}:", ""]
        yield from [*_steps_table(log, steps, protocol), ""]
    # Before the first step there is but one model.
    steps = steps[1:]
    yield from [*_costs_table(steps), ""]
    yield from [*_differences_table(steps), ""]
    yield from _newcomers_table(log, steps)


def _steps_table(log: ReplayedLog, steps: Sequence[TestedStep], protocol: str) -> Iterator[str]:
    yield f"| step | users | pairs | left out | {' | '.join(WORDS.values())} |"
    yield f"|---|---|---|---|{'---|' * len(METHODS)}"
    for number, step in enumerate(steps, 1):
        users = step.dataset.test_users
        left_out = log.bounds[number] - log.bounds[number - 1] - len(users)
        cells = _cells(_means([step], protocol, by_user=True))
        yield f"| {number} | {len(np.unique(users)):,} | {len(users):,} | {left_out:,} | {cells} |"
    for by_user, counted in COUNTED.items():
        cells = _cells(_means(steps[1:], protocol, by_user))
        yield f"| mean of 2 to {len(steps)}, each {counted} alike | | | | {cells} |"


def _means(steps: Sequence[TestedStep], protocol: str, by_user: bool) -> np.ndarray:
    """Return the mean over steps of each method's metrics: float64, shape (methods, metrics)."""
    return np.mean(
        [
            [
                [values.mean() for values in step.values(method, protocol, by_user).values()]
                for method in METHODS
            ]
            for step in steps
        ],
        axis=0,
    )


def _cells(figures: np.ndarray) -> str:
    return " | ".join(f"{hr:.4f} / {gain:.4f}" for hr, gain in figures)


def _costs_table(steps: Sequence[TestedStep]) -> Iterator[str]:
    yield "| before each step, mean | examples | share | seconds of training | share | seconds of folding in |"
    yield "|---|---|---|---|---|---|"
    results = [result for step in steps for result in step.results]
    costs = {
        method: np.mean([[result[method][cost] for cost in COSTS] for result in results], axis=0)
        for method in METHODS[:3]
    }
    for method, (examples, training, folding) in costs.items():
        shares = [f"{share:.3f}" for share in costs[method][:2] / costs["anew"][:2]]
        cells = f"{examples:,.0f} | {shares[0]} | {training:.1f} | {shares[1]} | {folding:.1f}"
        yield f"| {WORDS[method]} | {cells} |"


def _differences_table(steps: Sequence[TestedStep]) -> Iterator[str]:
    yield "| warm start - trained anew | alike | mean of the steps | over all (95% confidence) | p |"
    yield "|---|---|---|---|---|"
    for protocol in PROTOCOLS:
        for by_user, counted in COUNTED.items():
            anew, warm = (_pooled(steps, method, protocol, by_user) for method in ("anew", "warm"))
            means = _means(steps, protocol, by_user)
            by_step = means[METHODS.index("warm")] - means[METHODS.index("anew")]
            for (name, one), mean in zip(compare_paired(anew, warm).items(), by_step, strict=True):
                over_all, low, high = one.difference
                difference = f"{over_all:+.4f} ({low:+.4f} … {high:+.4f}) | {_p_value(one.t_test)}"
                yield f"| {name}@{TOP_K}, {PROTOCOLS[protocol]} | {counted} | {mean:+.4f} | {difference} |"


def _newcomers_table(log: ReplayedLog, steps: Sequence[TestedStep]) -> Iterator[str]:
    yield f"| new since day one | alike | count | model | HR@{TOP_K} | p | NDCG@{TOP_K} | p |"
    yield "|---|---|---|---|---|---|---|---|"
    num_users, num_items = log.sizes_before(1)
    for name, chosen in (
        ("users", [step.dataset.test_users >= num_users for step in steps]),
        ("items", [step.dataset.test_items >= num_items for step in steps]),
    ):
        if not any(which.any() for which in chosen):
            yield f"| {name} | | 0 | | | | | |"
            continue
        for by_user, counted in COUNTED.items():
            popularity = _pooled(steps, "popularity", "sampled", by_user, chosen)
            for method in METHODS:
                found = _pooled(steps, method, "sampled", by_user, chosen)
                tests = {metric: paired_t_test(values - popularity[metric]) for metric, values in found.items()}
                cells = " | ".join(f"{found[metric].mean():.4f} | {_p_value(p)}" for metric, p in tests.items())
                yield f"| {name} | {counted} | {len(popularity['HR']):,} | {WORDS[method]} | {cells} |"


def _pooled(
    steps: Sequence[TestedStep],
    method: str,
    protocol: str,
    by_user: bool,
    chosen: Sequence[np.ndarray] | None = None,
) -> Values:
    """Return the values of all steps together."""
    each = [
        step.values(method, protocol, by_user, None if chosen is None else chosen[place])
        for place, step in enumerate(steps)
    ]
    return {name: np.concatenate([values[name] for values in each]) for name in each[0]}


def _p_value(value: float | None) -> str:
    return "" if value is None else f"{value:.1g}"
