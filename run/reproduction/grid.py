"""Which runs each table and figure of the paper is made of."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reproduction.runs import BASELINES, FACTOR_BASELINES, BaselineRun, NetworkRun, Run

TARGETS = (
    "table1", "table2", "table3", "table4", "figure4", "figure5", "figure6", "figure7", "baselines",
    "validation",
)  # fmt: skip

# What is tried of each baseline: "we tested different neighbor sizes", "a fixed learning rate, varying it"
# (section 4.1). `docs/baselines.md` tells where the other settings and the defaults come from.
SETTINGS = {
    "ItemPop": [{}],
    "ItemKNN": [{"neighbours": count} for count in (20, 30, 50, 100, 200, 400)],
    "BPR": [{"learning_rate": rate} for rate in (0.02, 0.05, 0.1)],
    "eALS": [{}, {"missing_weight": 128.0, "regularization": 2.0}],
    "iALS": [{}],
    "EASE": [{"regularization": strength} for strength in (500.0, 1000.0, 1500.0, 2500.0, 4000.0)],
    "DotProduct": [{}],
}


@dataclass(frozen=True)
class Grid:
    """The paper's experiments on one dataset. Every method gives the same run for the same arguments.

    Attributes:
        dataset: its name.
        factors: predictive factors of tables 2 to 4 and figure 4.
        depths: hidden layers of tables 3 and 4.
        negatives: ratios of figure 7.
        negatives_factors: predictive factors of figure 7.
        curves_factors: predictive factors of figure 6, and of the comparison of activations.
        activations: compared with ReLU (sections 3.3 and 4.4); `linear` is the paper's identity.
        validation_factors: predictive factors of which the cells of tables 2 to 4 and GMF are trained once
            more, with the iteration picked on validation pairs.
        epochs: of every run, at the most.
        patience: iterations without a better HR@10 after which a run stops, those of figure 6 excepted.
        settings: of the baselines, by model: what to try.
        seed: of every run.
    """

    dataset: str
    factors: tuple[int, ...] = (8, 16, 32, 64)
    depths: tuple[int, ...] = (0, 1, 2, 3, 4)
    negatives: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    negatives_factors: int = 16
    curves_factors: int = 8
    activations: tuple[str, ...] = ("tanh", "sigmoid", "linear")
    validation_factors: tuple[int, ...] = (8, 16, 32, 64)
    epochs: int = 50
    patience: int | None = 5
    settings: tuple[tuple[str, tuple[tuple[tuple[str, float], ...], ...]], ...] = tuple(
        (model, tuple(tuple(setting.items()) for setting in tried)) for model, tried in SETTINGS.items()
    )
    seed: int = 1

    def network(self, model: str, factors: int, **changes: object) -> NetworkRun:
        """Return a run of GMF, MLP or NeuMF with the grid's settings, some changed."""
        settings = {"epochs": self.epochs, "patience": self.patience, "seed": self.seed, **changes}
        return NetworkRun(self.dataset, model, factors, **settings)

    def pretrained(self, factors: int, learner: str) -> NetworkRun:
        """Return NeuMF started from GMF and MLP; `adam`, or `sgd` as in the paper."""
        return self.network("NeuMF", factors, pretrained=True, learner=learner)

    def baseline(self, model: str, factors: int = 0) -> BaselineRun:
        """Return a run of a baseline."""
        tried = dict(self.settings)[model]
        return BaselineRun(self.dataset, model, factors if model in FACTOR_BASELINES else 0, tried, self.seed)

    def curves(self) -> list[NetworkRun]:
        """Return the runs of figure 6, which never stop early."""
        return [self.network(model, self.curves_factors, patience=None) for model in ("GMF", "MLP", "NeuMF")]

    def validated(self, run: NetworkRun) -> NetworkRun:
        """Return `run`, and what it starts from, with the iteration picked on validation pairs."""
        return dataclasses.replace(run, select="validation")

    def activation_runs(self) -> list[NetworkRun]:
        """Return MLP-3 with each activation, ReLU first."""
        return [
            self.network("MLP", self.curves_factors, activation=activation)
            for activation in ("relu", *self.activations)
        ]

    def runs(self, targets: Iterable[str]) -> list[Run]:
        """Return what the targets need, each run once, after those it starts from, small factors first."""
        wanted: dict[Run, None] = {}
        for target in targets:
            for run in getattr(self, f"_{target}")():
                wanted.update(dict.fromkeys(run.parents()))
                wanted[run] = None
        return sorted(wanted, key=lambda run: (run.factors, bool(run.parents()), run.cost()))

    def _table1(self) -> Iterator[Run]:
        return iter(())

    def cells(self, factors: int) -> list[NetworkRun]:
        """Return the runs of tables 2 to 4 with so many factors."""
        fused = [self.pretrained(factors, learner) for learner in ("adam", "sgd")]
        return [*self._towers(factors), self.network("NeuMF", factors), *fused]

    def _towers(self, factors: int) -> list[NetworkRun]:
        return [self.network("MLP", factors, depth=depth) for depth in self.depths]

    def _table2(self) -> Iterator[Run]:
        for factors in self.factors:
            yield from (run for run in self.cells(factors) if run.model == "NeuMF")

    def _table3(self) -> Iterator[Run]:
        for factors in self.factors:
            yield from self._towers(factors)
        if self.curves_factors in self.factors:
            yield from self.activation_runs()

    _table4 = _table3

    def _figure4(self) -> Iterator[Run]:
        yield self.baseline("ItemKNN")
        for factors in self.factors:
            yield from (self.baseline(model, factors) for model in FACTOR_BASELINES)
            yield from (self.network(model, factors) for model in ("GMF", "MLP", "NeuMF"))
            yield from (self.pretrained(factors, learner) for learner in ("adam", "sgd"))

    def _figure5(self) -> Iterator[Run]:
        yield self.baseline("ItemPop")
        yield from self._figure4()

    def _figure6(self) -> Iterator[Run]:
        yield from self.curves() if self.curves_factors in self.factors else ()

    def _figure7(self) -> Iterator[Run]:
        if self.negatives_factors in self.factors:
            yield self.baseline("BPR", self.negatives_factors)
            for ratio in self.negatives:
                for model in ("GMF", "MLP", "NeuMF"):
                    yield self.network(model, self.negatives_factors, num_neg=ratio)

    def _baselines(self) -> Iterator[Run]:
        for model in BASELINES:
            if model in FACTOR_BASELINES:
                yield from (self.baseline(model, factors) for factors in self.factors)
            else:
                yield self.baseline(model)

    def _validation(self) -> Iterator[Run]:
        for factors in self.validation_factors:
            if factors in self.factors:
                yield from map(self.validated, [self.network("GMF", factors), *self.cells(factors)])


def quick_grid(dataset: str) -> Grid:
    """Return a grid that shows in a minute or two that everything runs; its figures mean nothing."""
    tiny = {
        "ItemPop": [{}],
        "ItemKNN": [{"neighbours": 20}, {"neighbours": 100}],
        "BPR": [{"epochs": 5}],
        "eALS": [{"sweeps": 3}],
        "iALS": [{"factors": 8, "sweeps": 3}],
        "EASE": [{"regularization": 100.0}],
        "DotProduct": [{"factors": 8, "sweeps": 3}],
    }
    return Grid(
        dataset,
        factors=(8,),
        depths=(0, 1, 3),
        negatives=(1, 4),
        negatives_factors=8,
        activations=("linear",),
        epochs=2,
        patience=2,
        settings=tuple(
            (model, tuple(tuple(setting.items()) for setting in tried)) for model, tried in tiny.items()
        ),
    )
