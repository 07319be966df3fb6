"""Multi-Layer Perceptron on concatenated embeddings: section 3.3 of the paper."""

from collections.abc import Sequence

import keras

from ncf_keras.base.checks import require_count
from ncf_keras.models.checks import require_activation, require_layers, require_penalties
from ncf_keras.models.parts import id_inputs, latent_vector, prediction, seeds, tower


def build_mlp(
    num_users: int,
    num_items: int,
    layers: Sequence[int] = (20, 10),
    reg_layers: Sequence[float] = (0, 0),
    *,
    activation: str = "relu",
    reg_rows: float = 0,
    seed: int | None = None,
) -> keras.Model:
    """Build the MLP of equation 10: a tower of layers over [p_u, q_i], then a sigmoid.

    Args:
        num_users: rows of `user_embedding`.
        num_items: rows of `item_embedding`.
        layers: `layers[0]` is the width of the concatenated embeddings, half for each side, and makes no
            layer; the others are the widths of `layer1`, `layer2`, …. One entry makes MLP-0.
        reg_layers: L2 penalties; the first of both embeddings, the others of the kernels.
        activation: of the hidden layers: `relu`, `linear`, `tanh` or `sigmoid`.
        reg_rows: L2 penalty of the embedding rows of each example, `reg_rows * (|p_u|^2 + |q_i|^2)`, the mean
            over a batch; not in the authors' code, whose penalties are of whole tables.
        seed: of the initial weights; None draws fresh ones.

    Returns:
        A functional model from `user_input` and `item_input`, int32 of shape (batch, 1), to `prediction`,
        float32 of shape (batch, 1), in (0, 1).

    Raises:
        InputError: an argument breaks its rule.

    Source: `get_model` in the authors' MLP.py.
    """
    require_count(num_users, "num_users")
    require_count(num_items, "num_items")
    require_layers(layers)
    require_penalties(reg_layers, len(layers), "reg_layers", "`layers`")
    require_activation(activation)
    require_penalties([reg_rows], 1, "reg_rows", "the embedding rows")
    draw = seeds(seed)
    user_input, item_input = id_inputs()
    half = layers[0] // 2
    user_latent = latent_vector(user_input, num_users, half, reg_layers[0], "user_embedding", next(draw))
    item_latent = latent_vector(item_input, num_items, half, reg_layers[0], "item_embedding", next(draw))
    if reg_rows:
        user_latent, item_latent = (
            keras.layers.ActivityRegularization(l2=reg_rows)(latent) for latent in (user_latent, item_latent)
        )
    top = tower(user_latent, item_latent, layers, reg_layers, draw, activation)
    return keras.Model([user_input, item_input], prediction(top, next(draw)), name="MLP")


def mlp_layers(num_factors: int, hidden_layers: int) -> tuple[int, ...]:
    """Return the `layers` of the paper's MLP-0 to MLP-4 (section 4.4): each half as wide as the one before.

    Args:
        num_factors: predictive factors, the width of the last hidden layer; of MLP-0, which has none, the
            width of the concatenated embeddings.
        hidden_layers: the number in the name.

    Returns:
        Widths for `build_mlp`, such as (64, 32, 16, 8) for MLP-3 with 8 factors.

    Raises:
        InputError: an argument breaks its rule.
    """
    require_count(num_factors, "num_factors")
    require_count(hidden_layers, "hidden_layers", 0)
    return tuple(int(num_factors) * 2**depth for depth in range(hidden_layers, -1, -1))
