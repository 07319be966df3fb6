"""The rule that a model and a dataset obey together."""

import keras

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models.factored import FactoredModel, can_factor


def require_sizes(model: keras.Model, dataset: Dataset) -> None:
    """Raise InputError if a GMF, MLP or NeuMF has other sizes; other models are not looked at."""
    if not can_factor(model):
        return
    factored = FactoredModel(model)
    sizes = (factored.num_users, factored.num_items)
    if sizes != (dataset.num_users, dataset.num_items):
        raise InputError(
            f"`model` must be for the {dataset.num_users} users and {dataset.num_items} items of "
            f"{dataset.name}. Received: one for {sizes[0]} users and {sizes[1]} items"
        )
