"""A copy of a GMF, MLP or NeuMF with other users or items, in tables that need no features."""

from collections.abc import Sequence

import keras
import numpy as np

from ncf_keras.models.builders import build_gmf, build_mlp, build_neumf
from ncf_keras.models.factored import FactoredModel


def plain_copy(
    model: keras.Model,
    users: Sequence[np.ndarray] | None = None,
    items: Sequence[np.ndarray] | None = None,
) -> keras.Model:
    """Return a model of the same kind and layers that has one embedding for each table, and no penalties.

    Args:
        model: one for which `can_factor` is true.
        users: the tables of the users, GMF tower's before MLP tower's: float32, shape (users, width); None:
            those of the model, with what its features add to them.
        items: the same of the items.
    """
    factored = FactoredModel(model)
    users = [each.table().numpy() for each in factored.users] if users is None else users
    items = [each.table().numpy() for each in factored.items] if items is None else items
    sizes, widths = (len(users[0]), len(items[0])), [each.width for each in factored.users]
    layers = [2 * widths[-1], *(layer.units for layer in factored.hidden)]
    none = [0.0] * len(layers)
    if len(widths) == 2:
        copy = build_neumf(*sizes, widths[0], layers, none)
    elif factored.mf_width:
        copy = build_gmf(*sizes, widths[0])
    else:
        copy = build_mlp(*sizes, layers, none)
    made = FactoredModel(copy)
    for table, rows in zip([*made.users, *made.items], [*users, *items], strict=True):
        assert table.identity is not None
        table.identity.set_weights([rows])
    for layer, source in zip([*made.hidden, made.output], [*factored.hidden, factored.output], strict=True):
        layer.activation = source.activation
        layer.set_weights(source.get_weights())
    return copy
