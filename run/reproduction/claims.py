"""The paper's claims as paired t-tests over users, the test of its section 4.2, at its level of 0.01.

A user's value is HR@10 or NDCG@10 of the held-out item; where several runs stand on a side, such as those of
all factors, it is their mean for that user. One seed each: the tests tell whether other users would give the
difference too, and not whether another seed would. Pre-trained NeuMF is that of the paper, which goes on with
SGD; what picks the learner by the test pairs too would lean towards it.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ncf_keras.evaluation import paired_t_test
from reproduction.book import Book
from reproduction.results import Result
from reproduction.runs import NetworkRun, Run

LEVEL = 0.01


@dataclass(frozen=True)
class Comparison:
    """One side against the other.

    Attributes:
        better: what the claim says is better.
        worse: than what.
        hr: mean difference of HR@10, better - worse.
        hr_p: its two-sided p-value; 1 where no user differs.
        ndcg: as `hr`, of NDCG@10.
        ndcg_p: its two-sided p-value.
    """

    better: str
    worse: str
    hr: float
    hr_p: float
    ndcg: float
    ndcg_p: float

    @property
    def holds(self) -> bool:
        """Whether both metrics are higher, both significantly."""
        return all(difference > 0 and p < LEVEL for difference, p in self._tests())

    @property
    def verdict(self) -> str:
        """`yes`, or `no` and why."""
        if self.holds:
            return "yes"
        if all(difference < 0 and p < LEVEL for difference, p in self._tests()):
            return "no: the other way round"
        return "no: not significant in both metrics"

    def _tests(self) -> tuple[tuple[float, float], ...]:
        return (self.hr, self.hr_p), (self.ndcg, self.ndcg_p)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper and what the runs say.

    Attributes:
        text: the claim.
        deciding: the comparisons that all must hold; None for one whose runs are not there.
        details: other comparisons that throw light on it.
    """

    text: str
    deciding: Sequence[Comparison | None]
    details: Sequence[Comparison | None] = ()

    @property
    def answer(self) -> str | None:
        """`yes`, `no` and why, or None while runs are missing."""
        if any(comparison is None for comparison in self.deciding):
            return None
        return next((comparison.verdict for comparison in self.deciding if not comparison.holds), "yes")


def compare(
    better: str, ours: Sequence[Result | None], worse: str, others: Sequence[Result | None]
) -> Comparison | None:
    """Compare the mean of some runs with the mean of others, user by user; None if one is missing."""
    if not ours or not others or None in (*ours, *others):
        return None
    hr, hr_p = _paired([result.hits() for result in ours], [result.hits() for result in others])
    ndcg, ndcg_p = _paired([result.ndcgs() for result in ours], [result.ndcgs() for result in others])
    return Comparison(better, worse, hr, hr_p, ndcg, ndcg_p)


def _paired(ours: list[np.ndarray], others: list[np.ndarray]) -> tuple[float, float]:
    differences = np.mean(ours, axis=0) - np.mean(others, axis=0)
    p = paired_t_test(differences)
    return float(differences.mean()), 1.0 if p is None else p


def claims(book: Book) -> list[Claim]:
    """Return all claims, answered from the runs that are there."""
    grid = book.grid
    scratch = _network(book, lambda factors: grid.network("NeuMF", factors))
    sgd = _network(book, lambda factors: grid.pretrained(factors, "sgd"))
    adam = _network(book, lambda factors: grid.pretrained(factors, "adam"))
    gmf = _network(book, lambda factors: grid.network("GMF", factors))
    mlp = _network(book, lambda factors: grid.network("MLP", factors))
    bpr, eals, knn = (_baseline(book, model) for model in ("BPR", "eALS", "ItemKNN"))
    fused, alone = "NeuMF, pre-trained", "NeuMF without pre-training"
    return [
        _claim("NeuMF is better than GMF", (fused, sgd, "GMF", gmf), (alone, scratch, "GMF", gmf)),
        _claim("NeuMF is better than MLP", (fused, sgd, "MLP-3", mlp), (alone, scratch, "MLP-3", mlp)),
        _claim("GMF is better than BPR", ("GMF", gmf, "BPR", bpr)),
        _claim("NeuMF is better than BPR", (fused, sgd, "BPR", bpr)),
        _claim("NeuMF is better than ItemKNN", (fused, sgd, "ItemKNN", knn)),
        _claim("NeuMF is better than eALS", (fused, sgd, "eALS", eals)),
        _claim("Pre-training helps", (fused, sgd, alone, scratch), (f"{fused}, Adam", adam, alone, scratch)),
        _deeper(book),
        _negatives(book),
        _activations(book),
    ]


Pairs = dict[int, Result | None]


@dataclass(frozen=True)
class _Side:
    """Results by factors: of the best iterations on the test pairs, and of those picked on validation pairs."""

    best: Pairs
    validated: Pairs


def _network(book: Book, run_of: Callable[[int], NetworkRun]) -> _Side:
    return _Side(
        {factors: book.find(run_of(factors)) for factors in book.grid.factors},
        {factors: book.find(book.grid.validated(run_of(factors))) for factors in book.grid.factors},
    )


def _baseline(book: Book, model: str) -> _Side:
    # A baseline never sees the test pairs before it is tested.
    found = {factors: book.find(book.grid.baseline(model, factors)) for factors in book.grid.factors}
    return _Side(found, found)


def _claim(text: str, *comparisons: tuple[str, _Side, str, _Side]) -> Claim:
    """Return a claim that the first of the comparisons decides, by all factors that ran together."""
    found = [
        _over_factors(better, ours.best, worse, others.best) for better, ours, worse, others in comparisons
    ]
    found += [
        _over_factors(f"{better}, picked on validation", ours.validated, worse, others.validated)
        for better, ours, worse, others in comparisons
    ]
    (deciding, details), *more = found
    for total, each in more:
        details = [*details, total, *each]
    return Claim(text, [deciding], details)


def _over_factors(better: str, ours: Pairs, worse: str, others: Pairs) -> tuple[Comparison | None, list]:
    both = [factors for factors in ours if ours[factors] and others[factors]]
    names = f"{', '.join(map(str, both))} factors" + (" together" if len(both) > 1 else "")
    total = compare(f"{better}, {names}", [ours[f] for f in both], worse, [others[f] for f in both])
    each = (
        [compare(f"{better}, {f} factors", [ours[f]], worse, [others[f]]) for f in both]
        if len(both) > 1
        else []
    )
    return total, each


def _deeper(book: Book) -> Claim:
    grid = book.grid
    deciding, details = [], []
    for shallow, deep in itertools.pairwise(grid.depths):
        ours, others = (
            _network(book, lambda factors, depth=depth: grid.network("MLP", factors, depth=depth))
            for depth in (deep, shallow)
        )
        total, each = _over_factors(f"MLP-{deep}", ours.best, f"MLP-{shallow}", others.best)
        deciding.append(total)
        picked = _over_factors(
            f"MLP-{deep}, picked on validation", ours.validated, f"MLP-{shallow}", others.validated
        )
        details += [*each, picked[0], *picked[1]]
    return Claim("Deeper is better: each further layer of MLP helps", deciding, details)


def _negatives(book: Book) -> Claim:
    grid = book.grid
    ranges = {
        "3 to 6 negatives": [ratio for ratio in grid.negatives if 3 <= ratio <= 6],
        "1 to 2 negatives": [ratio for ratio in grid.negatives if ratio < 3],
        "7 to 10 negatives": [ratio for ratio in grid.negatives if ratio > 6],
    }

    def found(models: Sequence[str], name: str) -> list[Result | None]:
        runs: list[Run] = [
            grid.network(model, grid.negatives_factors, num_neg=ratio)
            for model in models
            for ratio in ranges[name]
        ]
        return [book.find(run) for run in runs]

    def against(other: str, models: Sequence[str], title: str) -> Comparison | None:
        best = "3 to 6 negatives"
        return compare(f"{title}, {best}", found(models, best), other, found(models, other))

    others = ("1 to 2 negatives", "7 to 10 negatives")
    all_models = ("GMF", "MLP", "NeuMF")
    return Claim(
        "3 to 6 negatives are best",
        [against(other, all_models, "GMF, MLP and NeuMF") for other in others],
        [against(other, [model], model) for model in all_models for other in others],
    )


def _activations(book: Book) -> Claim:
    runs = {run.activation: book.find(run) for run in book.grid.activation_runs()}
    order = [name for name in ("relu", "tanh", "sigmoid") if name in runs]
    pairs = [*itertools.pairwise(order), ("relu", "linear")]
    return Claim(
        "ReLU is better than tanh, tanh than sigmoid, ReLU than linear layers",
        [compare(first, [runs.get(first)], second, [runs.get(second)]) for first, second in pairs],
    )
