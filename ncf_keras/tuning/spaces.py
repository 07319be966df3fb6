"""What a search may choose for each model, and what it tries first: the defaults.

Of `tuned` they are the preset with a smaller MLP in larger batches, which takes a fraction of the time, and
the same with the least squares that suit Pinterest, where no user has a long history (docs/tuning.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

# By the name of a setting, its value: a number, or a text such as [64,32,16,8].
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`, whole where both are; `log`: in equal steps of its logarithm."""

    low: float
    high: float
    log: bool = True

    def suggest(self, trial: "optuna.Trial", name: str) -> float:
        """Return what a trial tries."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class OneOf:
    """One of some values."""

    values: tuple[Any, ...]

    def suggest(self, trial: "optuna.Trial", name: str) -> Any:
        """Return what a trial tries."""
        return trial.suggest_categorical(name, self.values)


@dataclass(frozen=True)
class Space:
    """What is searched of a model.

    Attributes:
        ranges: of each setting, what it may be.
        first: what is tried first, one after the other, each a value of each setting.
    """

    ranges: Mapping[str, Between | OneOf]
    first: tuple[Settings, ...]

    def suggest(self, trial: "optuna.Trial", model: str) -> dict[str, Any]:
        """Return the settings that a trial tries; models in one search do not share the names of settings."""
        return {name: each.suggest(trial, f"{model}.{name}") for name, each in self.ranges.items()}


TOWERS = OneOf(("[32,16,8]", "[64,32,16,8]", "[128,64,32,16]", "[256,128,64,32]"))
SMALL_TOWERS = OneOf(TOWERS.values[:-1])
PENALTIES = OneOf((0.0, 1e-7, 1e-6, 1e-5, 1e-4))
# Those of training by gradient steps.
TRAINING: dict[str, Between | OneOf] = {
    "lr": Between(1e-4, 1e-2),
    "num_neg": Between(1, 12, log=False),
    "batch_size": OneOf((256, 1024, 4096)),
}
FIRST_TRAINING = {"lr": 0.001, "num_neg": 4, "batch_size": 256}
# Those of least squares (`solvers/least_squares_loss.py`).
LEAST_SQUARES: dict[str, Between | OneOf] = {
    "num_factors": Between(8, 256),
    "unobserved_weight": Between(0.002, 2.0),
    "regularization": Between(0.0005, 0.2),
    "popularity_exponent": Between(-0.3, 0.7, log=False),
    "penalty_exponent": Between(0.0, 1.0, log=False),
}
FIRST_LEAST_SQUARES = {
    "num_factors": 192,
    "unobserved_weight": 0.25,
    "regularization": 0.007,
    "popularity_exponent": 0.1,
    "penalty_exponent": 1.0,
}
EQUAL_PENALTIES = {
    "num_factors": 192,
    "unobserved_weight": 0.017,
    "regularization": 0.0133,
    "popularity_exponent": 0.0,
    "penalty_exponent": 0.0,
}
FIRST_MLP = {
    "layers": "[128,64,32,16]",
    "mlp_reg_rows": 0.0003,
    "mlp_learning_rate": 0.002,
    "mlp_num_neg": 4,
    "mlp_batch_size": 1024,
}


def _of_baseline(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same by the names that a baseline has for them."""
    return {"factors" if name == "num_factors" else name: value for name, value in values.items()}


SPACES: Mapping[str, Space] = {
    "GMF": Space(
        {"num_factors": Between(4, 128), "reg": PENALTIES, **TRAINING},
        ({"num_factors": 8, "reg": 0.0, **FIRST_TRAINING},),
    ),
    "MLP": Space(
        {"layers": TOWERS, "reg": PENALTIES, **TRAINING},
        ({"layers": "[64,32,16,8]", "reg": 0.0, **FIRST_TRAINING},),
    ),
    "NeuMF": Space(
        {"num_factors": Between(4, 128), "layers": TOWERS, "reg": PENALTIES, **TRAINING},
        ({"num_factors": 8, "layers": "[64,32,16,8]", "reg": 0.0, **FIRST_TRAINING},),
    ),
    "tuned": Space(
        {
            **LEAST_SQUARES,
            # GMF has most of the say (alpha), so an MLP that takes many times as long as GMF is not tried.
            "layers": SMALL_TOWERS,
            "mlp_reg_rows": Between(1e-5, 1e-2),
            "mlp_learning_rate": Between(5e-4, 2e-2),
            "mlp_num_neg": Between(1, 8, log=False),
            "mlp_batch_size": OneOf((1024, 4096, 16_384)),
        },
        ({**FIRST_LEAST_SQUARES, **FIRST_MLP}, {**EQUAL_PENALTIES, **FIRST_MLP}),
    ),
    "ItemKNN": Space({"neighbours": Between(5, 1000)}, ({"neighbours": 30},)),
    "EASE": Space({"regularization": Between(5.0, 20_000.0)}, ({"regularization": 1320.0},)),
    "IALS": Space(
        {
            "factors": Between(8, 256),
            "unobserved_weight": Between(0.002, 1.0),
            "regularization": Between(0.05, 200.0),
        },
        ({"factors": 192, "unobserved_weight": 0.1, "regularization": 10.0},),
    ),
    "DotProduct": Space(
        _of_baseline(LEAST_SQUARES), (_of_baseline(FIRST_LEAST_SQUARES), _of_baseline(EQUAL_PENALTIES))
    ),
    "EALS": Space(
        {
            "factors": Between(8, 128),
            "missing_weight": Between(8.0, 4096.0),
            "popularity_exponent": Between(0.0, 1.0, log=False),
            "regularization": Between(0.1, 100.0),
        },
        ({"factors": 64, "missing_weight": 512.0, "popularity_exponent": 0.25, "regularization": 5.0},),
    ),
    "BPR": Space(
        {
            "factors": Between(8, 128),
            "learning_rate": Between(0.005, 0.2),
            "regularization": Between(1e-4, 0.1),
            "epochs": Between(10, 100),
        },
        ({"factors": 64, "learning_rate": 0.05, "regularization": 0.01, "epochs": 60},),
    ),
}
