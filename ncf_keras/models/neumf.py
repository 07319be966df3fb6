"""Neural Matrix Factorization, the fusion of GMF and MLP: section 3.4 of the paper."""

from collections.abc import Sequence

import keras

from ncf_keras.base.checks import require_count
from ncf_keras.models.checks import require_activation, require_layers, require_penalties
from ncf_keras.models.parts import id_inputs, latent_vector, prediction, seeds, tower


def build_neumf(
    num_users: int,
    num_items: int,
    mf_dim: int = 10,
    layers: Sequence[int] = (10,),
    reg_layers: Sequence[float] = (0,),
    reg_mf: float = 0,
    *,
    activation: str = "relu",
    seed: int | None = None,
) -> keras.Model:
    """Build NeuMF of equation 12: GMF and MLP on embeddings of their own, joined before the output.

    Args:
        num_users: rows of `mf_embedding_user` and `mlp_embedding_user`.
        num_items: rows of `mf_embedding_item` and `mlp_embedding_item`.
        mf_dim: width of the GMF embeddings.
        layers: as in `build_mlp`.
        reg_layers: as in `build_mlp`; they do not touch the GMF embeddings.
        reg_mf: L2 penalty of both GMF embeddings.
        activation: of the hidden layers: `relu`, `linear`, `tanh` or `sigmoid`.
        seed: of the initial weights; None draws fresh ones.

    Returns:
        A functional model from `user_input` and `item_input`, int32 of shape (batch, 1), to `prediction`,
        float32 of shape (batch, 1), in (0, 1).

    Raises:
        InputError: an argument breaks its rule.

    Source: `get_model` in the authors' NeuMF.py.
    """
    require_count(num_users, "num_users")
    require_count(num_items, "num_items")
    require_count(mf_dim, "mf_dim")
    require_layers(layers)
    require_penalties(reg_layers, len(layers), "reg_layers", "`layers`")
    require_penalties([reg_mf], 1, "reg_mf", "the GMF part")
    require_activation(activation)
    draw = seeds(seed)
    user_input, item_input = id_inputs()
    half = layers[0] // 2
    mf_user = latent_vector(user_input, num_users, mf_dim, reg_mf, "mf_embedding_user", next(draw))
    mf_item = latent_vector(item_input, num_items, mf_dim, reg_mf, "mf_embedding_item", next(draw))
    mlp_user = latent_vector(user_input, num_users, half, reg_layers[0], "mlp_embedding_user", next(draw))
    mlp_item = latent_vector(item_input, num_items, half, reg_layers[0], "mlp_embedding_item", next(draw))
    product = keras.layers.Multiply()([mf_user, mf_item])
    top = tower(mlp_user, mlp_item, layers, reg_layers, draw, activation)
    return keras.Model(
        [user_input, item_input],
        prediction(keras.layers.Concatenate()([product, top]), next(draw)),
        name="NeuMF",
    )
