"""The paper's claims as paired t-tests over users, the test of its section 4.2, at its level of 0.01.

A user's value is HR@10 or NDCG@10 of the held-out item; where several runs stand on a side, such as those of
all factors, it is their mean for that user. One seed each: the tests tell whether other users would give the
difference too, and not whether another seed would. Pre-trained NeuMF is that of the paper, which goes on with
SGD; what picks the learner by the test pairs too would lean towards it.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ncf_keras.evaluation import hit_ratio, ndcg, paired_t_test
from reproduction.results import Book, Result
from reproduction.runs import NETWORKS, Run

LEVEL = 0.01

RunOf = Callable[[int], Run]


@dataclass(frozen=True)
class Comparison:
    """One side against the other: the mean differences, better - worse, of HR@10 and of NDCG@10.

    Each has its two-sided p-value, 1 where no user differs.
    """

    better: str
    worse: str
    hr: float
    hr_p: float
    ndcg: float
    ndcg_p: float

    @property
    def verdict(self) -> str:
        """`yes` if both metrics are higher, both significantly, else `no` and why."""
        if max(self.hr_p, self.ndcg_p) < LEVEL and self.hr * self.ndcg > 0:
            return "yes" if self.hr > 0 else "no: the other way round"
        return "no: not significant in both metrics"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, the comparisons that all must hold, and others that throw light on it.

    A comparison is None where its runs are not there.
    """

    text: str
    deciding: Sequence[Comparison | None]
    details: Sequence[Comparison | None] = ()

    @property
    def answer(self) -> str | None:
        """`yes`, `no` and why, or None while runs are missing."""
        if any(comparison is None for comparison in self.deciding):
            return None
        return next((comparison.verdict for comparison in self.deciding if comparison.verdict != "yes"), "yes")


def compare(
    better: str, ours: Sequence[Result | None], worse: str, others: Sequence[Result | None]
) -> Comparison | None:
    """Compare the mean of some runs with the mean of others, user by user; None if one is missing."""
    if not ours or not others or None in (*ours, *others):
        return None
    differences = [
        np.mean([metric(result.positions, 10) for result in ours], axis=0)
        - np.mean([metric(result.positions, 10) for result in others], axis=0)
        for metric in (hit_ratio, ndcg)
    ]
    (hr, hr_p), (gain, gain_p) = ((float(each.mean()), paired_t_test(each)) for each in differences)
    return Comparison(better, worse, hr, 1.0 if hr_p is None else hr_p, gain, 1.0 if gain_p is None else gain_p)


def claims(book: Book) -> list[Claim]:
    """Return all claims, answered from the runs that are there."""
    grid = book.grid

    def claim(text: str, *comparisons: tuple[str, RunOf, str, RunOf]) -> Claim:
        return _claim(book, text, comparisons)

    fused = ("NeuMF, pre-trained", partial(grid.pretrained, learner="sgd"))
    fused_by_adam = ("NeuMF, pre-trained, Adam", partial(grid.pretrained, learner="adam"))
    alone = ("NeuMF without pre-training", partial(grid.network, "NeuMF"))
    gmf, mlp = ("GMF", partial(grid.network, "GMF")), ("MLP-3", partial(grid.network, "MLP"))
    bpr, knn, eals = ((name, partial(grid.baseline, name)) for name in ("BPR", "ItemKNN", "eALS"))
    towers = {depth: (f"MLP-{depth}", partial(grid.network, "MLP", depth=depth)) for depth in grid.depths}
    layers = [claim("", (*towers[deep], *towers[shallow])) for shallow, deep in itertools.pairwise(grid.depths)]
    return [
        claim("NeuMF is better than GMF", (*fused, *gmf), (*alone, *gmf)),
        claim("NeuMF is better than MLP", (*fused, *mlp), (*alone, *mlp)),
        claim("GMF is better than BPR", (*gmf, *bpr)),
        claim("NeuMF is better than BPR", (*fused, *bpr)),
        claim("NeuMF is better than ItemKNN", (*fused, *knn)),
        claim("NeuMF is better than eALS", (*fused, *eals)),
        claim("Pre-training helps", (*fused, *alone), (*fused_by_adam, *alone)),
        Claim(
            "Deeper is better: each further layer of MLP helps",
            [comparison for each in layers for comparison in each.deciding],
            [comparison for each in layers for comparison in each.details],
        ),
        _negatives(book),
        _activations(book),
    ]


def _claim(book: Book, text: str, comparisons: Sequence[tuple[str, RunOf, str, RunOf]]) -> Claim:
    """Return a claim that the first of the comparisons decides, by all factors that ran together."""
    (deciding, *details), *more = [
        _over_factors(book, f"{better}{remark}", ours, worse, others, picked)
        for remark, picked in (("", lambda run: run), (", picked on validation", book.grid.validated))
        for better, ours, worse, others in comparisons
    ]
    return Claim(text, [deciding], [*details, *itertools.chain(*more)])


def _over_factors(
    book: Book, better: str, ours: RunOf, worse: str, others: RunOf, picked: Callable[[Run], Run]
) -> list[Comparison | None]:
    """Return the comparison of all factors of which both ran, then those of each, if there are several."""
    found = {
        factors: [book.find(picked(run_of(factors))) for run_of in (ours, others)]
        for factors in book.grid.factors
    }
    both = {factors: results for factors, results in found.items() if None not in results}
    names = f"{', '.join(map(str, both))} factors" + (" together" if len(both) > 1 else "")
    sides = [[results[side] for results in both.values()] for side in (0, 1)]
    total = compare(f"{better}, {names}", sides[0], worse, sides[1])
    each = [compare(f"{better}, {factors} factors", [a], worse, [b]) for factors, (a, b) in both.items()]
    return [total, *(each if len(both) > 1 else [])]


def _negatives(book: Book) -> Claim:
    ranges = {"3 to 6 negatives": range(3, 7), "1 to 2 negatives": range(3), "7 to 10 negatives": range(7, 11)}

    def found(models: Sequence[str], name: str) -> list[Result | None]:
        return [book.find(run) for run in book.grid.ratios(models) if run.num_neg in ranges[name]]

    def against(other: str, models: Sequence[str], title: str) -> Comparison | None:
        best = "3 to 6 negatives"
        return compare(f"{title}, {best}", found(models, best), other, found(models, other))

    others = ("1 to 2 negatives", "7 to 10 negatives")
    return Claim(
        "3 to 6 negatives are best",
        [against(other, NETWORKS, "GMF, MLP and NeuMF") for other in others],
        [against(other, [model], model) for model in NETWORKS for other in others],
    )


def _activations(book: Book) -> Claim:
    runs = {run.activation: book.find(run) for run in book.grid.activation_runs()}
    order = [name for name in ("relu", "tanh", "sigmoid") if name in runs]
    pairs = [*itertools.pairwise(order), ("relu", "linear")]
    return Claim(
        "ReLU is better than tanh, tanh than sigmoid, ReLU than linear layers",
        [compare(first, [runs.get(first)], second, [runs.get(second)]) for first, second in pairs],
    )
