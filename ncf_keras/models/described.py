"""What a model is given about its users and items, and the layers that make vectors of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from ncf_keras.models.checks import SIDES, require_dropout, require_identity
from ncf_keras.models.features import FeatureCodes, FeatureEmbedding, FeatureRows, IdentityDropout
from ncf_keras.models.layer_names import feature_name, sum_name
from ncf_keras.models.parts import l2, latent_vector, normal


class Tower(NamedTuple):
    """The vectors that one tower takes.

    Attributes:
        width: of a vector.
        penalties: L2, of the users' tables and the items'.
        names: of the embedding of the identities, `{}` for the side.
    """

    width: int
    penalties: Sequence[float]
    names: str = "{}_embedding"


@dataclass(frozen=True, eq=False)
class Described:
    """The users and items of a model.

    Attributes:
        counts: how many users and items there are.
        features: which features users and items have; None where nothing is known.
        identities: whether users and items have an embedding of their identity.
        identity_dropout: see `IdentityDropout`; for sides with features and identity.
    """

    counts: tuple[int, int]
    features: tuple[FeatureRows | None, FeatureRows | None]
    identities: tuple[bool, bool]
    identity_dropout: float

    @classmethod
    def of(
        cls,
        counts: tuple[int, int],
        user_features: Any = None,
        item_features: Any = None,
        identity: str = "both",
        identity_dropout: float = 0,
    ) -> "Described":
        """Check what a builder is given; features are a matrix, or `FeatureRows`.

        Raises:
            InputError: an argument breaks its rule, or a side has neither identity nor features.
        """
        require_identity(identity, user_features is not None, item_features is not None)
        require_dropout(identity_dropout)
        features = []
        for given, count, side in zip((user_features, item_features), counts, SIDES, strict=True):
            if given is not None and not isinstance(given, FeatureRows):
                given = FeatureRows.of(given, int(count), f"{side}_features")
            features.append(given)
        has_identity = tuple(identity in ("both", side) for side in SIDES)
        return cls(
            counts, (features[0], features[1]), (has_identity[0], has_identity[1]), float(identity_dropout)
        )

    def vectors(
        self, inputs: Sequence[keras.KerasTensor], towers: Sequence[Tower], draw: Iterator[int]
    ) -> list[list[keras.KerasTensor]]:
        """Return the vectors of users and of items for each tower: shape (batch, width)."""
        # The draws of the identities come first, and in this order, so that features do not change them.
        made = [[self._identity(inputs, tower, side, draw) for side in range(len(SIDES))] for tower in towers]
        for side, rows in enumerate(self.features):
            if rows is not None:
                identities = [vectors[side] for vectors in made]
                totals = self._with_features(inputs[side], side, rows, towers, identities, draw)
                for vectors, total in zip(made, totals, strict=True):
                    vectors[side] = total
        return made

    def _identity(
        self, inputs: Sequence[keras.KerasTensor], tower: Tower, side: int, draw: Iterator[int]
    ) -> Any:
        """Return the vectors of the identities of a side, None if it has none."""
        if not self.identities[side]:
            return None
        penalty, name = tower.penalties[side], tower.names.format(SIDES[side])
        return latent_vector(inputs[side], self.counts[side], tower.width, penalty, draw, name)

    def _with_features(
        self,
        ids: keras.KerasTensor,
        side: int,
        rows: FeatureRows,
        towers: Sequence[Tower],
        identities: list[Any],
        draw: Iterator[int],
    ) -> list[keras.KerasTensor]:
        """Return, for each tower, the vectors of a side with the features that its rows have."""
        lookup = FeatureCodes(*rows.codes.shape, name=f"{SIDES[side]}_features")
        codes = lookup(ids)
        lookup.set_weights([rows.codes])
        if self.identities[side] and self.identity_dropout:
            name = f"{SIDES[side]}_identity_dropout"
            identities = IdentityDropout(self.identity_dropout, next(draw), name=name)(identities)
        totals = []
        for tower, identity in zip(towers, identities, strict=True):
            name = tower.names.format(SIDES[side])
            total = FeatureEmbedding(
                rows.num_features,
                tower.width,
                embeddings_initializer=normal(draw),
                embeddings_regularizer=l2(tower.penalties[side]),
                name=feature_name(name),
            )(codes)
            totals.append(
                total if identity is None else keras.layers.Add(name=sum_name(name))([identity, total])
            )
        return totals
