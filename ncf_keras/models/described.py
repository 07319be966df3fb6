"""What a model is given about its users and items, and the layers that make vectors of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from ncf_keras.models.checks import SIDES, require_dropout, require_identity, require_recent
from ncf_keras.models.features import FeatureCodes, FeatureEmbedding, FeatureRows, IdentityDropout
from ncf_keras.models.layer_names import feature_name, session_name, sum_name
from ncf_keras.models.parts import id_inputs, l2, latent_table, normal
from ncf_keras.models.recent import RECENT_INPUT, RECENT_ITEMS, RecentItems, SessionVector


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
        recent: how many of a user's recent items are taken; 0: none.
    """

    counts: tuple[int, int]
    features: tuple[FeatureRows | None, FeatureRows | None]
    identities: tuple[bool, bool]
    identity_dropout: float
    recent: int

    @classmethod
    def of(
        cls,
        counts: tuple[int, int],
        user_features: Any = None,
        item_features: Any = None,
        identity: str = "both",
        identity_dropout: float = 0,
        recent: int = 0,
    ) -> "Described":
        """Check what a builder is given; features are a matrix, or `FeatureRows`.

        Raises:
            InputError: an argument breaks its rule, or a side has neither identity nor features.
        """
        require_identity(identity, user_features is not None, item_features is not None)
        require_dropout(identity_dropout)
        require_recent(recent, identity)
        features = []
        for given, count, side in zip((user_features, item_features), counts, SIDES, strict=True):
            if given is not None and not isinstance(given, FeatureRows):
                given = FeatureRows.of(given, int(count), f"{side}_features")
            features.append(given)
        has_identity = tuple(identity in ("both", side) for side in SIDES)
        return cls(
            counts,
            (features[0], features[1]),
            (has_identity[0], has_identity[1]),
            float(identity_dropout),
            int(recent),
        )

    def inputs(self) -> list[keras.KerasTensor]:
        """Return the inputs: `user_input`, `item_input`, and `recent_input` where recent items are taken."""
        recent = [keras.Input(shape=(self.recent,), dtype="int32", name=RECENT_INPUT)] if self.recent else []
        return [*id_inputs(), *recent]

    def vectors(
        self, inputs: Sequence[keras.KerasTensor], towers: Sequence[Tower], draw: Iterator[int]
    ) -> list[list[keras.KerasTensor]]:
        """Return the vectors of users and of items for each tower: shape (batch, width)."""
        # The draws of the identities come first, and in this order, so that nothing else changes them.
        tables, parts = [], []
        for tower in towers:
            tables.append([self._table(tower, side, draw) for side in range(len(SIDES))])
            pairs = zip(tables[-1], inputs, strict=False)
            parts.append([[keras.layers.Flatten()(table(ids))] if table else [] for table, ids in pairs])
        for side, rows in enumerate(self.features):
            if rows is not None:
                self._add_features(inputs[side], side, rows, towers, [each[side] for each in parts], draw)
        if self.recent:
            self._add_sessions(inputs, towers, [each[1] for each in tables], [each[0] for each in parts])
        return [
            [_sum(own, tower.names.format(side)) for side, own in zip(SIDES, each, strict=True)]
            for tower, each in zip(towers, parts, strict=True)
        ]

    def _table(self, tower: Tower, side: int, draw: Iterator[int]) -> keras.layers.Embedding | None:
        """Return the embedding of the identities of a side, None if it has none."""
        if not self.identities[side]:
            return None
        penalty, name = tower.penalties[side], tower.names.format(SIDES[side])
        return latent_table(self.counts[side], tower.width, penalty, draw, name)

    def _add_features(
        self,
        ids: keras.KerasTensor,
        side: int,
        rows: FeatureRows,
        towers: Sequence[Tower],
        parts: list[list[keras.KerasTensor]],
        draw: Iterator[int],
    ) -> None:
        """Add the vectors of what features a side's rows have to the `parts` of each tower."""
        lookup = FeatureCodes(*rows.codes.shape, name=f"{SIDES[side]}_features")
        codes = lookup(ids)
        lookup.set_weights([rows.codes])
        if self.identities[side] and self.identity_dropout:
            name = f"{SIDES[side]}_identity_dropout"
            dropped = IdentityDropout(self.identity_dropout, next(draw), name=name)([own[0] for own in parts])
            for own, vector in zip(parts, dropped, strict=True):
                own[0] = vector
        for tower, own in zip(towers, parts, strict=True):
            features = FeatureEmbedding(
                rows.num_features,
                tower.width,
                embeddings_initializer=normal(draw),
                embeddings_regularizer=l2(tower.penalties[side]),
                name=feature_name(tower.names.format(SIDES[side])),
            )
            own.append(features(codes))

    def _add_sessions(
        self,
        inputs: Sequence[keras.KerasTensor],
        towers: Sequence[Tower],
        tables: Sequence[keras.layers.Embedding | None],
        parts: list[list[keras.KerasTensor]],
    ) -> None:
        """Add the vectors of the users' recent items, in the items' `tables`, to the `parts` of each tower."""
        users, _, given = inputs
        items, is_there = RecentItems(self.counts[0], self.recent, name=RECENT_ITEMS)([users, given])
        for tower, table, own in zip(towers, tables, parts, strict=True):
            assert table is not None
            name = session_name(tower.names.format("user"))
            own.append(SessionVector(self.recent, tower.width, name=name)([table(items), is_there]))


def _sum(parts: list[keras.KerasTensor], identity: str) -> keras.KerasTensor:
    """Return the vector that has these parts; `identity` is what the embedding of the identities is called."""
    return parts[0] if len(parts) == 1 else keras.layers.Add(name=sum_name(identity))(parts)
