"""GMF, MLP and NeuMF, trained by gradient steps from random weights."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models.spec import ModelSpec
from ncf_keras.training.spec import TrainingSpec
from ncf_keras.tuning.candidate import Effort, Outcome, Tell
from ncf_keras.tuning.spaces import Settings

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset


@dataclass(frozen=True)
class Network:
    """A Candidate of a kind of network.

    Attributes:
        kind: `GMF`, `MLP` or `NeuMF`.
    """

    kind: str

    def measure(self, settings: Settings, examples: "Dataset", effort: Effort, tell: Tell) -> Outcome:
        """Train, and find the number of epochs."""
        from ncf_keras.models import model_scores
        from ncf_keras.training import Trainer
        from ncf_keras.tuning.watching import Watch

        model = self._spec(settings, examples).build(effort.seed)
        protocol = LeaveOneOut(examples.test_users, examples.test_items, examples.test_negatives)
        score = model_scores(model)
        watch = Watch(lambda: protocol.evaluate(score, effort.top_k), effort, tell)
        Trainer(model, examples, _training(settings, effort.epochs, effort.seed)).fit([watch])
        assert watch.best is not None
        return Outcome(watch.best, {**settings, "epochs": watch.best_epoch + 1}, watch.given_up)

    def make(self, settings: Settings, dataset: "Dataset", seed: int) -> "keras.Model":
        """Train for the number of epochs that was found."""
        from ncf_keras.training import Trainer

        model = self._spec(settings, dataset).build(seed)
        Trainer(model, dataset, _training(settings, settings["epochs"], seed)).fit()
        return model

    def flags(self, settings: Settings, seed: int, preset: str) -> list[str]:
        """Return `gmf`, `mlp` or `neumf` and its flags."""
        names = ("num_factors", "layers", "lr", "num_neg", "batch_size", "epochs")
        flags = [word for name in names if name in settings for word in (f"--{name}", f"{settings[name]}")]
        if settings["reg"]:
            flags += self._penalties(settings)
        return [self.kind.lower(), *flags, "--select", "none", "--seed", f"{seed}"]

    def _penalties(self, settings: Settings) -> list[str]:
        reg = settings["reg"]
        if self.kind == "GMF":
            return ["--regs", json.dumps([reg, reg])]
        of_tower = json.dumps(_tower_penalties(settings))
        return ["--reg_layers", of_tower] + (["--reg_mf", f"{reg}"] if self.kind == "NeuMF" else [])

    def _spec(self, settings: Settings, dataset: "Dataset") -> ModelSpec:
        options: dict[str, Any] = {"regs": (settings["reg"], settings["reg"]), "reg_mf": settings["reg"]}
        if "num_factors" in settings:
            options["num_factors"] = settings["num_factors"]
        if "layers" in settings:
            options |= {"layers": json.loads(settings["layers"]), "reg_layers": _tower_penalties(settings)}
        return ModelSpec(self.kind, dataset.num_users, dataset.num_items, **options)


def _tower_penalties(settings: Settings) -> list[float]:
    """Return the penalties of the layers: on the embeddings alone."""
    return [settings["reg"], *[0.0] * (len(json.loads(settings["layers"])) - 1)]


def _training(settings: Settings, epochs: int, seed: int) -> TrainingSpec:
    return TrainingSpec(
        epochs=epochs,
        batch_size=settings["batch_size"],
        num_neg=settings["num_neg"],
        learning_rate=settings["lr"],
        select="none",
        seed=seed,
    )
