"""The parts that the models are put together from."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np


def id_inputs() -> list[keras.KerasTensor]:
    """Return the inputs `user_input` and `item_input`, int32, shape (batch, 1)."""
    return [keras.Input(shape=(1,), dtype="int32", name=f"{side}_input") for side in ("user", "item")]


def seeds(seed: int | None) -> Iterator[int]:
    """Yield one seed for each initializer of a model, all from `seed`; fresh ones each time if it is None.

    Every table needs its own: two tables of one width that share a seed start with equal rows.
    """
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(2**31))


def latent_vector(
    indices: keras.KerasTensor, rows: int, width: int, regularization: float, name: str, seed: int
) -> keras.KerasTensor:
    """Look `indices` up in a new embedding table and flatten the result to shape (batch, width).

    Initialised N(0, 0.01), not truncated, with the penalty `regularization * sum(table ** 2)`, as in the
    authors' `init_normal` and `W_regularizer=l2(...)`.
    """
    embedding = keras.layers.Embedding(
        int(rows),
        int(width),
        embeddings_initializer=keras.initializers.RandomNormal(mean=0.0, stddev=0.01, seed=seed),
        embeddings_regularizer=l2(regularization),
        name=name,
    )
    return keras.layers.Flatten()(embedding(indices))


def latent_vectors(
    inputs: Sequence[keras.KerasTensor],
    rows: Sequence[int],
    width: int,
    penalties: Sequence[float],
    draw: Iterator[int],
    name: str = "{}_embedding",
) -> list[keras.KerasTensor]:
    """Return the `latent_vector` of the users and that of the items, each from a table of its own."""
    sides = zip(inputs, rows, penalties, ("user", "item"), strict=True)
    return [
        latent_vector(ids, count, width, penalty, name.format(side), next(draw))
        for ids, count, penalty, side in sides
    ]


def weight_dtype() -> str:
    """Return the type of new weights; under a mixed-precision policy most layers compute in another one."""
    return keras.config.dtype_policy().variable_dtype


def l2(regularization: float) -> keras.regularizers.Regularizer | None:
    """Return `regularization * sum(w ** 2)`, without 1/2, as Keras 1 had it; None for zero."""
    return keras.regularizers.L2(regularization) if regularization else None


def tower(
    user_latent: keras.KerasTensor,
    item_latent: keras.KerasTensor,
    layers: Sequence[int],
    reg_layers: Sequence[float],
    draw: Iterator[int],
    activation: str = "relu",
) -> keras.KerasTensor:
    """Concatenate the two vectors, users first, and stack `layer1`, `layer2`, … on them."""
    vector = keras.layers.Concatenate()([user_latent, item_latent])
    for number, (width, penalty) in enumerate(zip(layers[1:], reg_layers[1:], strict=True), 1):
        vector = keras.layers.Dense(
            int(width),
            activation=activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(draw)),
            kernel_regularizer=l2(penalty),
            name=f"layer{number}",
        )(vector)
    return vector


def prediction(vector: keras.KerasTensor, seed: int) -> keras.KerasTensor:
    """Put the output layer `prediction` on `vector`: sigmoid with a bias, kernel lecun uniform.

    It always computes in the type of its weights: as a bfloat16, a probability would have 8 bits.
    """
    return keras.layers.Dense(
        1,
        activation="sigmoid",
        kernel_initializer=keras.initializers.LecunUniform(seed=seed),
        dtype=weight_dtype(),
        name="prediction",
    )(vector)
