"""The runs of the paper's experiments as data: which there are, their names, costs and commands.

Sizes follow the authors' code: MLP-3 with 8 predictive factors is `--layers [64,32,16,8]`, hidden layers of 32,
16 and 8 over embeddings of 32 each (section 4.1 of the paper speaks of embeddings of 16).
"""

import dataclasses
import itertools
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

NETWORKS = ("GMF", "MLP", "NeuMF")
BASELINES = ("ItemPop", "ItemKNN", "BPR", "eALS", "iALS", "EASE", "DotProduct")
# Those of which the paper varies the number of factors.
FACTOR_BASELINES = ("BPR", "eALS")
SAMPLE = "sample"
TARGETS = (
    "table1", "table2", "table3", "table4", "figure4", "figure5", "figure6", "figure7", "baselines",
    "validation",
)  # fmt: skip
# What is tried of each baseline: "we tested different neighbor sizes", "a fixed learning rate, varying it"
# (section 4.1). `docs/baselines.md` tells where the other settings and the defaults come from.
SETTINGS: dict[str, list[dict[str, float]]] = {
    "ItemPop": [{}],
    "ItemKNN": [{"neighbours": count} for count in (20, 30, 50, 100, 200, 400)],
    "BPR": [{"learning_rate": rate} for rate in (0.02, 0.05, 0.1)],
    "eALS": [{}, {"missing_weight": 128.0, "regularization": 2.0}],
    "iALS": [{}],
    "EASE": [{"regularization": strength} for strength in (500.0, 1000.0, 1500.0, 2500.0, 4000.0)],
    "DotProduct": [{}],
}
QUICK_SETTINGS: dict[str, list[dict[str, float]]] = {
    "ItemPop": [{}],
    "ItemKNN": [{"neighbours": 20}, {"neighbours": 100}],
    "BPR": [{"epochs": 5}],
    "eALS": [{"sweeps": 3}],
    "iALS": [{"factors": 8, "sweeps": 3}],
    "EASE": [{"regularization": 100.0}],
    "DotProduct": [{"factors": 8, "sweeps": 3}],
}


@dataclass(frozen=True)
class NetworkRun:
    """One training of GMF, MLP or NeuMF; the fields are called as the flags of the commands are, but for these.

    Attributes:
        factors: predictive factors, the width of the last hidden layer.
        depth: hidden layers of the MLP tower; nothing to GMF.
        activation: of the hidden layers.
        pretrained: whether a NeuMF starts from the best GMF and MLP of the same settings.
    """

    dataset: str
    model: str
    factors: int
    depth: int = 3
    activation: str = "relu"
    num_neg: int = 4
    pretrained: bool = False
    learner: str = "adam"
    select: str = "test"
    epochs: int = 50
    patience: int | None = 5
    batch_size: int = 256
    learning_rate: float = 0.001
    seed: int = 1

    @property
    def label(self) -> str:
        """What tables call the model, such as `MLP-3` or `NeuMF with pre-training`."""
        if self.model == "MLP":
            return f"MLP-{self.depth}"
        return f"{self.model} with pre-training" if self.pretrained else self.model

    @property
    def name(self) -> str:
        """A readable file name; runs of one grid that differ have different ones."""
        parts = [f"MLP{self.depth}" if self.model == "MLP" else self.model, f"f{self.factors}"]
        parts += ["pretrained", self.learner] if self.pretrained else []
        parts += [self.activation] if self.activation != "relu" else []
        parts += [f"negatives{self.num_neg}"] if self.num_neg != 4 else []
        parts += ["validation"] if self.select == "validation" else []
        parts += ["whole"] if self.patience is None else []
        return "-".join([*parts, f"seed{self.seed}"])

    @property
    def layers(self) -> tuple[int, ...]:
        """The widths of the tower as `--layers` takes them: the first is that of both embeddings together."""
        return tuple(self.factors * 2 ** (self.depth - level) for level in range(self.depth + 1))

    def parents(self) -> tuple["NetworkRun", ...]:
        """Return the runs whose best weights this one starts from: the GMF and the MLP, or none."""
        if not self.pretrained:
            return ()
        scratch = dataclasses.replace(self, pretrained=False, learner="adam")
        return dataclasses.replace(scratch, model="GMF"), dataclasses.replace(scratch, model="MLP")

    def options(self) -> dict[str, object]:
        """Return all that decides the figures, besides data and versions, as JSON would give it back."""
        return {"kind": "network", **dataclasses.asdict(self)}

    def cost(self) -> float:
        """Return roughly the seconds on MovieLens-1M, one thread of the machine of `docs/performance.md`."""
        epochs = self.epochs if self.patience is None else min(self.epochs, 20)
        products = sum(a * b for a, b in zip(self.layers, self.layers[1:], strict=False))
        tower = 0.0 if self.model == "GMF" else 0.3 + 0.52e-3 * products
        embeddings = 0.01 * (self.factors + (0 if self.model == "GMF" else self.layers[0]))
        return 10 + epochs * (1 + self.num_neg) / 5 * (1.0 + tower + embeddings)


@dataclass(frozen=True)
class BaselineRun:
    """One baseline; of several settings, the best by HR@10 on validation pairs is fitted on all of train.

    Attributes:
        factors: latent factors; 0 where the model has none, or where the settings have them.
        settings: what to try, each as values by argument.
    """

    dataset: str
    model: str
    factors: int = 0
    settings: list[dict[str, float]] = field(default_factory=lambda: [{}], hash=False)
    seed: int = 1

    @property
    def name(self) -> str:
        """A readable file name."""
        return "-".join([self.model, *([f"f{self.factors}"] if self.factors else []), f"seed{self.seed}"])

    def parents(self) -> tuple[NetworkRun, ...]:
        """Return none: baselines start from nothing."""
        return ()

    def options(self) -> dict[str, object]:
        """Return all that decides the figures, besides data and versions, as JSON would give it back."""
        return {"kind": "baseline", **dataclasses.asdict(self)}

    def cost(self) -> float:
        """Return roughly the seconds on MovieLens-1M, one thread of the machine of `docs/performance.md`."""
        each = {"ItemPop": 1, "ItemKNN": 3, "BPR": 45 + 1.7 * self.factors, "eALS": 5 + 0.45 * self.factors,
                "iALS": 15, "EASE": 12, "DotProduct": 150}  # fmt: skip
        # Of several settings, the best is fitted once more.
        fits = len(self.settings) + (len(self.settings) > 1)
        return 2 + fits * each[self.model]


Run = NetworkRun | BaselineRun


def run_of(options: Mapping[str, object]) -> Run:
    """Return the run whose `options()` are given."""
    kind, rest = options["kind"], {name: value for name, value in options.items() if name != "kind"}
    return NetworkRun(**rest) if kind == "network" else BaselineRun(**rest)


@dataclass(frozen=True)
class Grid:
    """The paper's experiments on one dataset.

    Attributes:
        factors: predictive factors of tables 2 to 4 and figure 4.
        depths: hidden layers of tables 3 and 4.
        negatives: ratios of figure 7, whose factors are `negatives_factors`.
        curves_factors: predictive factors of figure 6, and of the comparison of activations.
        activations: compared with ReLU (sections 3.3 and 4.4); `linear` is the paper's identity.
        validation_factors: predictive factors of which the cells of tables 2 to 4 and GMF are trained once
            more, with the iteration picked on validation pairs.
        epochs: of every run, at the most.
        patience: iterations without a better HR@10 after which a run stops, those of figure 6 excepted.
        settings: of the baselines, by model: what to try.
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
    settings: Mapping[str, list[dict[str, float]]] = field(default_factory=lambda: SETTINGS, hash=False)
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
        factors = factors if model in FACTOR_BASELINES else 0
        return BaselineRun(self.dataset, model, factors, self.settings[model], self.seed)

    def validated(self, run: Run) -> Run:
        """Return a network's run, and what it starts from, with the iteration picked on validation pairs.

        A baseline is returned as it is: it never sees the test pairs before it is tested.
        """
        return dataclasses.replace(run, select="validation") if isinstance(run, NetworkRun) else run

    def towers(self, factors: int) -> list[NetworkRun]:
        """Return MLP-0 to MLP-4."""
        return [self.network("MLP", factors, depth=depth) for depth in self.depths]

    def neumfs(self, factors: int) -> list[NetworkRun]:
        """Return NeuMF pre-trained, with the paper's SGD and with Adam, and without pre-training."""
        fused = [self.pretrained(factors, learner) for learner in ("sgd", "adam")]
        return [*fused, self.network("NeuMF", factors)]

    def curves(self) -> list[NetworkRun]:
        """Return the runs of figure 6, which never stop early."""
        return [self.network(model, self.curves_factors, patience=None) for model in NETWORKS]

    def ratios(self, models: Iterable[str] = NETWORKS) -> list[NetworkRun]:
        """Return the runs of figure 7, without pre-training."""
        pairs = itertools.product(models, self.negatives)
        return [self.network(model, self.negatives_factors, num_neg=ratio) for model, ratio in pairs]

    def activation_runs(self) -> list[NetworkRun]:
        """Return MLP-3 with each activation, ReLU first."""
        names = ("relu", *self.activations)
        return [self.network("MLP", self.curves_factors, activation=name) for name in names]

    def baselines(self) -> list[BaselineRun]:
        """Return all baselines, those with factors once for each number of them."""
        return [
            self.baseline(model, factors)
            for model in BASELINES
            for factors in (self.factors if model in FACTOR_BASELINES else (0,))
        ]

    def runs(self, targets: Iterable[str]) -> list[Run]:
        """Return what the targets need, each run once, after those it starts from, small factors first."""
        wanted = [run for target in targets for run in self._needed(target)]
        unique = dict.fromkeys(each for run in wanted for each in (*run.parents(), run))
        return sorted(unique, key=lambda run: (run.factors, bool(run.parents()), run.cost()))

    def _needed(self, target: str) -> Iterator[Run]:
        if target == "table2":
            yield from (run for factors in self.factors for run in self.neumfs(factors))
        elif target in ("table3", "table4"):
            yield from (run for factors in self.factors for run in self.towers(factors))
            yield from self.activation_runs() if self.curves_factors in self.factors else ()
        elif target in ("figure4", "figure5"):
            yield from [self.baseline("ItemPop")] if target == "figure5" else ()
            yield self.baseline("ItemKNN")
            for factors in self.factors:
                yield from (self.baseline(model, factors) for model in FACTOR_BASELINES)
                yield from (self.network(model, factors) for model in ("GMF", "MLP"))
                yield from self.neumfs(factors)
        elif target == "figure6" and self.curves_factors in self.factors:
            yield from self.curves()
        elif target == "figure7" and self.negatives_factors in self.factors:
            yield from (self.baseline("BPR", self.negatives_factors), *self.ratios())
        elif target == "baselines":
            yield from self.baselines()
        elif target == "validation":
            for factors in self.validation_factors:
                if factors in self.factors:
                    cells = (self.network("GMF", factors), *self.towers(factors), *self.neumfs(factors))
                    yield from map(self.validated, cells)


def quick_grid(dataset: str = SAMPLE, seed: int = 1) -> Grid:
    """Return a grid that shows in a minute or two that everything runs; its figures mean nothing."""
    return Grid(dataset, factors=(8,), depths=(0, 3), negatives=(1, 4), negatives_factors=8,
                activations=("linear",), epochs=2, patience=2, settings=QUICK_SETTINGS, seed=seed)  # fmt: skip


def command_of(run: Run) -> str:
    """Return the command that repeats a run, its figures included, on the same machine.

    It is that of the model where this can do the run, else `run/paper.py --only`, which trains what the run
    starts from, too, where its weights are not there.
    """
    words: list[object] = ["python"]
    if isinstance(run, BaselineRun) or run.activation != "relu" or run.parents():
        words += ["run/paper.py", "--only", run.name]
        is_quick = run not in Grid(run.dataset, seed=run.seed).runs(TARGETS)
        words += ["--quick"] if is_quick else ["--dataset", run.dataset]
        words += ["--seed", run.seed] if run.seed != Grid.seed else []
        words += ["--out", "again/"]
    else:
        words += [f"run/{run.model}.py", "--dataset", run.dataset, "--epochs", run.epochs]
        words += [] if run.patience is None else ["--patience", run.patience]
        words += ["--batch_size", run.batch_size]
        words += ["--num_factors", run.factors] if run.model != "MLP" else []
        if run.model != "GMF":
            words += ["--layers", _listed(run.layers), "--reg_layers", _listed([0] * len(run.layers))]
        words += ["--num_neg", run.num_neg, "--lr", run.learning_rate, "--learner", run.learner]
        words += ["--seed", run.seed]
        words += ["--select", run.select] if run.select != "test" else []
    return shlex.join(map(str, words))


def _listed(values: Iterable[int]) -> str:
    return "[" + ",".join(map(str, values)) + "]"
