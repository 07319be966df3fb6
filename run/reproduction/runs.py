"""The runs of the paper's experiments as data: what decides a run's figures, its name, its cost.

Sizes follow the authors' code: MLP-3 with 8 predictive factors is `--layers [64,32,16,8]`, hidden layers of 32,
16 and 8 over embeddings of 32 each (section 4.1 of the paper speaks of embeddings of 16).
"""

import dataclasses
from dataclasses import dataclass

NETWORKS = ("GMF", "MLP", "NeuMF")
BASELINES = ("ItemPop", "ItemKNN", "BPR", "eALS", "iALS", "EASE", "DotProduct")
# Those of which the paper varies the number of factors.
FACTOR_BASELINES = ("BPR", "eALS")


@dataclass(frozen=True)
class NetworkRun:
    """One training of GMF, MLP or NeuMF.

    Attributes:
        dataset: its name.
        model: `GMF`, `MLP` or `NeuMF`.
        factors: predictive factors, the width of the last hidden layer.
        depth: hidden layers of the MLP tower; nothing to GMF.
        activation: of the hidden layers.
        num_neg: negatives for each positive.
        pretrained: whether a NeuMF starts from the best GMF and MLP of the same settings.
        learner: the optimizer.
        select: the pairs that pick the best iteration, `test` as in the paper or `validation`.
        epochs: at the most.
        patience: iterations without a better HR@10 after which it stops; None never stops early.
        batch_size: examples a step.
        learning_rate: of the learner.
        seed: of the initial weights and the sampling.
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
        dataset: its name.
        model: one of `BASELINES`.
        factors: latent factors; 0 where the model has none, or where the settings have them.
        settings: what to try, each as (argument, value) pairs.
        seed: of the initial factors and draws.
    """

    dataset: str
    model: str
    factors: int = 0
    settings: tuple[tuple[tuple[str, float], ...], ...] = ((),)
    seed: int = 1

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.model

    @property
    def name(self) -> str:
        """A readable file name."""
        return "-".join([self.model, *([f"f{self.factors}"] if self.factors else []), f"seed{self.seed}"])

    def parents(self) -> tuple[NetworkRun, ...]:
        """Return none: baselines start from nothing."""
        return ()

    def options(self) -> dict[str, object]:
        """Return all that decides the figures, besides data and versions, as JSON would give it back."""
        options = {"kind": "baseline", **dataclasses.asdict(self)}
        options["settings"] = [dict(setting) for setting in self.settings]
        return options

    def cost(self) -> float:
        """Return roughly the seconds on MovieLens-1M, one thread of the machine of `docs/performance.md`."""
        each = {
            "ItemPop": 1,
            "ItemKNN": 3,
            "BPR": 45 + 1.7 * self.factors,
            "eALS": 5 + 0.45 * self.factors,
            "iALS": 15,
            "EASE": 12,
            "DotProduct": 150,
        }
        # Of several settings, the best is fitted once more.
        fits = len(self.settings) + (len(self.settings) > 1)
        return 2 + fits * each[self.model]


Run = NetworkRun | BaselineRun
