"""The tuned NeuMF and its settings: `TUNED` were chosen on validation pairs of MovieLens-1M (`docs/tuning.md`),
those of other data are found by `ncf tune`.

GMF is fitted by alternating least squares (`least_squares.py`), an MLP is trained with the log loss and a
penalty on the embedding rows of each example, and the two are fused as in section 3.4.1 of the paper, with
most of the weight on GMF.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncf_keras.base.checks import require_above_zero, require_at_least, require_count
from ncf_keras.base.errors import InputError
from ncf_keras.models.checks import require_layers
from ncf_keras.solvers.least_squares_loss import TUNED_LOSS, LeastSquares

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset
    from ncf_keras.training import Trainer

# What TensorFlow counts with.
LARGEST_COUNT = 2**31 - 1

# Called with `GMF` or `MLP` and the share of its training that is done, from 0 to 1.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Recipe:
    """The settings of the tuned NeuMF.

    Attributes:
        num_factors: latent factors of GMF.
        layers: widths of the MLP's layers; the first is that of both embeddings together.
        alpha: share of GMF in the output layer, from 0 to 1.
        least_squares: the loss that GMF minimises.
        mlp_epochs: passes of the MLP over its examples, with Adam.
        mlp_reg_rows: L2 penalty of the MLP's embedding rows of each example.
        mlp_learning_rate: of Adam.
        mlp_batch_size: examples per step.
        mlp_num_neg: negatives for each positive.

    Raises:
        InputError: a setting breaks its rule.
    """

    num_factors: int
    layers: Sequence[int]
    alpha: float
    least_squares: LeastSquares
    mlp_epochs: int
    mlp_reg_rows: float
    mlp_learning_rate: float
    mlp_batch_size: int
    mlp_num_neg: int

    def __post_init__(self) -> None:
        for name in ("num_factors", "mlp_epochs", "mlp_batch_size", "mlp_num_neg"):
            value = getattr(self, name)
            require_count(value, name)
            if value > LARGEST_COUNT:
                raise InputError(f"`{name}` must be at most {LARGEST_COUNT}. Received: {value!r}")
        if isinstance(self.layers, str) or not isinstance(self.layers, Sequence):
            raise InputError(f"`layers` must be a list of widths. Received: {self.layers!r}")
        require_layers(self.layers)
        object.__setattr__(self, "layers", tuple(self.layers))
        for name in ("alpha", "mlp_reg_rows"):
            require_at_least(getattr(self, name), 0, name)
        if self.alpha > 1:
            raise InputError(f"`alpha` must be between 0 and 1. Received: {self.alpha!r}")
        require_above_zero(self.mlp_learning_rate, "mlp_learning_rate")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return {**dataclasses.asdict(self), "layers": list(self.layers)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """Return the recipe whose `to_json` this is; InputError unless it has all settings and no others.

        Those that earlier versions did not have may be missing: they have defaults.
        """
        for kind, given in ((cls, values), (LeastSquares, values.get("least_squares"))):
            fields = dataclasses.fields(kind)
            names = [each.name for each in fields]
            required = {each.name for each in fields if each.default is dataclasses.MISSING}
            if not isinstance(given, Mapping) or not required <= set(given) <= set(names):
                received = sorted(given) if isinstance(given, Mapping) else given
                raise InputError(f"The settings must be {', '.join(names)}. Received: {received!r}")
        return cls(**{**values, "least_squares": LeastSquares(**values["least_squares"])})


TUNED = Recipe(
    num_factors=192,
    layers=(256, 128, 64, 32),
    alpha=0.9,
    least_squares=TUNED_LOSS,
    mlp_epochs=8,
    mlp_reg_rows=0.0003,
    mlp_learning_rate=0.001,
    mlp_batch_size=256,
    mlp_num_neg=4,
)


def pretrain_tuned(
    neumf: "keras.Model",
    dataset: "Dataset",
    recipe: Recipe = TUNED,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> None:
    """Train GMF and MLP by the recipe and fuse them into a NeuMF, which needs no further training.

    Args:
        neumf: from `build_neumf`, with the dataset's users and items and the recipe's num_factors and layers.
        dataset: its train interactions are learnt from; its test pairs are not used.
        recipe: the settings.
        seed: of all randomness.
        on_progress: called with `GMF` or `MLP` and the share of its training that is done, from 0 to 1.

    Raises:
        InputError: the NeuMF has other sizes.
    """
    from ncf_keras.weights import fuse_pretrained

    gmf = train_gmf(dataset, recipe, seed, on_progress)
    mlp = train_mlp(dataset, recipe, seed, on_progress)
    fuse_pretrained(neumf, gmf, mlp, recipe.alpha)


def train_gmf(
    dataset: "Dataset", recipe: Recipe = TUNED, seed: int = 0, on_progress: Progress | None = None
) -> "keras.Model":
    """Return the GMF that the recipe fuses; arguments as in `pretrain_tuned`."""
    from ncf_keras.models import ModelSpec
    from ncf_keras.training.fit_gmf import fit_gmf

    def tell(sweeps: int) -> None:
        if on_progress:
            on_progress("GMF", sweeps / recipe.least_squares.sweeps)

    sizes = (dataset.num_users, dataset.num_items)
    gmf = ModelSpec("GMF", *sizes, num_factors=recipe.num_factors).build(seed)
    fit_gmf(gmf, dataset, recipe.least_squares, seed, tell)
    return gmf


def train_mlp(
    dataset: "Dataset", recipe: Recipe = TUNED, seed: int = 0, on_progress: Progress | None = None
) -> "keras.Model":
    """Return the MLP that the recipe fuses; arguments as in `pretrain_tuned`."""
    from ncf_keras.training.callbacks.share_done import ShareDone

    trainer = mlp_trainer(dataset, recipe, seed)
    trainer.fit([ShareDone(trainer, lambda share: on_progress("MLP", share))] if on_progress else [])
    return trainer.model


def mlp_trainer(dataset: "Dataset", recipe: Recipe = TUNED, seed: int = 0) -> "Trainer":
    """Return the trainer of the MLP that the recipe fuses, for whoever wants to watch it learn."""
    from ncf_keras.models import ModelSpec
    from ncf_keras.training import Trainer, TrainingSpec

    sizes = (dataset.num_users, dataset.num_items)
    mlp = ModelSpec("MLP", *sizes, layers=recipe.layers, reg_rows=recipe.mlp_reg_rows).build(seed)
    spec = TrainingSpec(
        epochs=recipe.mlp_epochs,
        batch_size=recipe.mlp_batch_size,
        num_neg=recipe.mlp_num_neg,
        learning_rate=recipe.mlp_learning_rate,
        select="none",
        seed=seed,
    )
    return Trainer(mlp, dataset, spec)


def build_tuned_neumf(
    dataset: "Dataset",
    recipe: Recipe = TUNED,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> "keras.Model":
    """Build a NeuMF and pre-train it by the recipe; arguments as in `pretrain_tuned`.

    Example:
        >>> model = build_tuned_neumf(dataset, seed=1)
        >>> ncf_keras.recommend(model, dataset, [42], k=5)
    """
    from ncf_keras.models import ModelSpec

    sizes = (dataset.num_users, dataset.num_items)
    neumf = ModelSpec("NeuMF", *sizes, num_factors=recipe.num_factors, layers=recipe.layers).build(seed)
    pretrain_tuned(neumf, dataset, recipe, seed, on_progress)
    return neumf
