"""What a model is, as data: the one place that builds GMF, MLP and NeuMF by name."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncf_keras.base.checks import plain, require_count, require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.models.checks import (
    require_activation,
    require_dropout,
    require_feature_sizes,
    require_identity,
    require_layers,
    require_penalties,
    require_recent,
)

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
        reg_rows: L2 penalty of the MLP's vectors of each example.
        user_features: how many features there are of users, and the most that one has; None: nothing is known.
        item_features: the same of items.
        identity: of which sides the identities have an embedding: `both`, `user`, `item` or `none`.
        identity_dropout: share of the examples of training whose identities are left out.
        recent: how many recent items of the user the model takes; 0: it does not know the order of time.

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
    user_features: Sequence[int] | None = None
    item_features: Sequence[int] | None = None
    identity: str = "both"
    identity_dropout: float = 0
    recent: int = 0

    def __post_init__(self) -> None:
        require_one_of(self.kind, KINDS, "kind")
        for name in ("num_users", "num_items", "num_factors"):
            require_count(getattr(self, name), name)
        for name in ("layers", "regs", "reg_layers", "user_features", "item_features"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, str) or not isinstance(value, Sequence)):
                raise InputError(f"`{name}` must be a list of numbers. Received: {value!r}")
        require_layers(self.layers)
        if self.reg_layers is None:
            object.__setattr__(self, "reg_layers", (0,) * len(self.layers))
        for name in ("layers", "regs", "reg_layers"):
            object.__setattr__(self, name, tuple(map(plain, getattr(self, name))))
        for name in ("user_features", "item_features"):
            if getattr(self, name) is not None:
                require_feature_sizes(getattr(self, name), name)
                object.__setattr__(self, name, tuple(map(plain, getattr(self, name))))
        require_identity(self.identity, self.user_features is not None, self.item_features is not None)
        require_dropout(self.identity_dropout)
        require_recent(self.recent, self.identity)
        require_penalties(self.regs, 2, "regs", "the two embeddings")
        require_penalties(self.reg_layers or (), len(self.layers), "reg_layers", "`layers`")
        require_penalties([self.reg_mf], 1, "reg_mf", "the GMF part")
        require_penalties([self.reg_rows], 1, "reg_rows", "the embedding rows")
        require_activation(self.activation)
        for name in (
            "num_users",
            "num_items",
            "num_factors",
            "reg_mf",
            "reg_rows",
            "identity_dropout",
            "recent",
        ):
            object.__setattr__(self, name, plain(getattr(self, name)))

    @property
    def penalises_embeddings(self) -> bool:
        """Whether an L2 penalty is on a whole embedding table."""
        of_tower, of_mf = self.reg_layers[:1] if self.reg_layers else (), (self.reg_mf,)
        return any({"GMF": tuple(self.regs), "MLP": of_tower, "NeuMF": (*of_tower, *of_mf)}[self.kind])

    @property
    def num_weights(self) -> int:
        """How many numbers the model learns."""
        rows, count, top = self._num_rows, 0, 0
        if self.kind != "MLP":
            count, top = rows * self.num_factors + self._session(self.num_factors), self.num_factors
        if self.kind != "GMF":
            kernels = sum((before + 1) * after for before, after in itertools.pairwise(self.layers))
            width = self.layers[0] // 2
            count, top = count + rows * width + self._session(width) + kernels, top + self.layers[-1]
        return count + top + 1

    def build(
        self, seed: int | None = None, *, user_features: Any = None, item_features: Any = None
    ) -> "keras.Model":
        """Return the model with fresh weights; the same seed gives the same weights, None draws a new one.

        Args:
            seed: of the weights.
            user_features: zeros and ones, shape (num_users, features), as many as the spec says; None: no user
                has any, until weights are loaded.
            item_features: the same of the items.
        """
        require_memory(FLOAT32 * self.num_weights, f"the {self.num_weights:,} weights of the {self.kind}")
        from ncf_keras.models import build_gmf, build_mlp, build_neumf

        sizes, penalties = (self.num_users, self.num_items), self.reg_layers or ()
        options: dict[str, Any] = {"seed": seed}
        if self.recent:
            options |= {"recent": self.recent, "identity": self.identity}
        if self.user_features or self.item_features:
            options |= self._described(user_features, item_features)
        if self.kind == "GMF":
            return build_gmf(*sizes, self.num_factors, self.regs, **options)
        options["activation"] = self.activation
        if self.kind == "MLP":
            return build_mlp(*sizes, self.layers, penalties, reg_rows=self.reg_rows, **options)
        return build_neumf(*sizes, self.num_factors, self.layers, penalties, self.reg_mf, **options)

    def _described(self, user_features: Any, item_features: Any) -> dict[str, Any]:
        """Return what a builder is told of users and items besides their numbers."""
        from ncf_keras.models.features import FeatureRows

        known: dict[str, Any] = {"identity": self.identity, "identity_dropout": self.identity_dropout}
        for name, count, given in (
            ("user_features", self.num_users, user_features),
            ("item_features", self.num_items, item_features),
        ):
            sizes = getattr(self, name)
            if sizes is None:
                continue
            rows = FeatureRows.none(count, sizes) if given is None else FeatureRows.of(given, count, name)
            if rows.sizes[0] != sizes[0] or rows.sizes[1] > sizes[1]:
                raise InputError(f"`{name}` must be {sizes[0]}, {sizes[1]} a row. Received: {rows.sizes}")
            known[name] = rows.widened(sizes[1])
        return known

    def _session(self, width: int) -> int:
        """Return how many numbers a tower learns for the recent items."""
        return self.recent + width**2 if self.recent else 0

    @property
    def _num_rows(self) -> int:
        """Rows of the tables of a tower: of the identities, and of the features."""
        rows = 0
        for side, count, features in (
            ("user", self.num_users, self.user_features),
            ("item", self.num_items, self.item_features),
        ):
            rows += count if self.identity in ("both", side) else 0
            rows += features[0] if features else 0
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelSpec":
        """Return the spec whose `to_json` this is."""
        return cls(**values)
