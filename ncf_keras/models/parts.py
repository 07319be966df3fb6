"""The parts that the models are put together from."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from ncf_keras.models.checks import SIDES


def id_inputs() -> list[keras.KerasTensor]:
    """Return the inputs `user_input` and `item_input`, int32, shape (batch, 1)."""
    return [keras.Input(shape=(1,), dtype="int32", name=f"{side}_input") for side in SIDES]


def seeds(seed: int | None) -> Iterator[int]:
    """Yield one seed for each initializer of a model, all from `seed`; fresh ones each time if it is None.

    Every table needs its own: two tables of one width that share a seed start with equal rows.
    """
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(2**31))


def latent_vectors(
    inputs: Sequence[keras.KerasTensor],
    rows: Sequence[int],
    width: int,
    penalties: Sequence[float],
    draw: Iterator[int],
    name: str = "{}_embedding",
) -> list[keras.KerasTensor]:
    """Look users and items up, each in a new table, and flatten the results to shape (batch, width)."""
    return [
        keras.layers.Flatten()(latent_table(count, width, penalty, draw, name.format(side))(ids))
        for ids, count, penalty, side in zip(inputs, rows, penalties, SIDES, strict=True)
    ]


def latent_table(
    rows: int, width: int, penalty: float, draw: Iterator[int], name: str
) -> keras.layers.Embedding:
    """Return a new table of users or items.

    Initialised N(0, 0.01), not truncated, with the penalty `penalty * sum(table ** 2)`, as in the authors'
    `init_normal` and `W_regularizer=l2(...)`.
    """
    return keras.layers.Embedding(
        int(rows),
        int(width),
        embeddings_initializer=normal(draw),
        embeddings_regularizer=l2(penalty),
        name=name,
    )


def normal(draw: Iterator[int]) -> keras.initializers.Initializer:
    """Return the authors' `init_normal`: N(0, 0.01), not truncated."""
    return keras.initializers.RandomNormal(mean=0.0, stddev=0.01, seed=next(draw))


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
