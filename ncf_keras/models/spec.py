"""What a model is, as data: the one place that builds GMF, MLP and NeuMF by name."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncf_keras.base.checks import plain, require_count, require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.models.checks import require_activation, require_layers, require_penalties

if TYPE_CHECKING:
    import keras

KINDS = ("GMF", "MLP", "NeuMF")
# Bytes of a number.
FLOAT32 = 4


@dataclass(frozen=True)
class ModelSpec:
    """A GMF, MLP or NeuMF by its sizes and penalties; settings that its kind does not have are ignored.

    Attributes:
        kind: `GMF`, `MLP` or `NeuMF`.
        num_users: rows of the user embeddings.
        num_items: rows of the item embeddings.
        num_factors: width of the GMF embeddings.
        layers: widths of the MLP tower, the first that of both embeddings together.
        activation: of the hidden layers.
        regs: L2 penalties of GMF's user and item embedding.
        reg_layers: L2 penalties of the layers, the first of the embeddings; left out, 0 for each of `layers`.
        reg_mf: L2 penalty of NeuMF's GMF embeddings.
        reg_rows: L2 penalty of the MLP's embedding rows of each example.

    Raises:
        InputError: a setting breaks its rule.

    Example:
        >>> ModelSpec("NeuMF", num_users=6040, num_items=3706).build(seed=1)
    """

    kind: str
    num_users: int
    num_items: int
    num_factors: int = 8
    layers: Sequence[int] = (64, 32, 16, 8)
    activation: str = "relu"
    regs: Sequence[float] = (0, 0)
    reg_layers: Sequence[float] | None = None
    reg_mf: float = 0
    reg_rows: float = 0

    def __post_init__(self) -> None:
        require_one_of(self.kind, KINDS, "kind")
        for name in ("num_users", "num_items", "num_factors"):
            require_count(getattr(self, name), name)
        for name in ("layers", "regs", "reg_layers"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, str) or not isinstance(value, Sequence)):
                raise InputError(f"`{name}` must be a list of numbers. Received: {value!r}")
        require_layers(self.layers)
        if self.reg_layers is None:
            object.__setattr__(self, "reg_layers", (0,) * len(self.layers))
        for name in ("layers", "regs", "reg_layers"):
            object.__setattr__(self, name, tuple(map(plain, getattr(self, name))))
        require_penalties(self.regs, 2, "regs", "the two embeddings")
        require_penalties(self.reg_layers or (), len(self.layers), "reg_layers", "`layers`")
        require_penalties([self.reg_mf], 1, "reg_mf", "the GMF part")
        require_penalties([self.reg_rows], 1, "reg_rows", "the embedding rows")
        require_activation(self.activation)
        for name in ("num_users", "num_items", "num_factors", "reg_mf", "reg_rows"):
            object.__setattr__(self, name, plain(getattr(self, name)))

    @property
    def penalises_embeddings(self) -> bool:
        """Whether an L2 penalty is on a whole embedding table."""
        of_tower, of_mf = self.reg_layers[:1] if self.reg_layers else (), (self.reg_mf,)
        return any({"GMF": tuple(self.regs), "MLP": of_tower, "NeuMF": (*of_tower, *of_mf)}[self.kind])

    @property
    def num_weights(self) -> int:
        """How many numbers the model learns."""
        rows, count, top = self.num_users + self.num_items, 0, 0
        if self.kind != "MLP":
            count, top = rows * self.num_factors, self.num_factors
        if self.kind != "GMF":
            kernels = sum((before + 1) * after for before, after in itertools.pairwise(self.layers))
            count, top = count + rows * (self.layers[0] // 2) + kernels, top + self.layers[-1]
        return count + top + 1

    def build(self, seed: int | None = None) -> "keras.Model":
        """Return the model with fresh weights; the same seed gives the same weights, None draws a new one."""
        require_memory(FLOAT32 * self.num_weights, f"the {self.num_weights:,} weights of the {self.kind}")
        from ncf_keras.models import build_gmf, build_mlp, build_neumf

        sizes, penalties = (self.num_users, self.num_items), self.reg_layers or ()
        if self.kind == "GMF":
            return build_gmf(*sizes, self.num_factors, self.regs, seed=seed)
        if self.kind == "MLP":
            return build_mlp(
                *sizes, self.layers, penalties, activation=self.activation, reg_rows=self.reg_rows, seed=seed
            )
        return build_neumf(
            *sizes, self.num_factors, self.layers, penalties, self.reg_mf, activation=self.activation, seed=seed
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelSpec":
        """Return the spec whose `to_json` this is."""
        return cls(**values)
