"""GMF and MLP on shared embeddings, which NeuMF improves on: equation 11 of the paper."""

from collections.abc import Sequence

import keras

from ncf_keras.base.checks import require_count
from ncf_keras.models.checks import require_activation, require_penalties
from ncf_keras.models.parts import id_inputs, l2, latent_vector, prediction, seeds


def build_shared_fusion(
    num_users: int,
    num_items: int,
    num_factors: int = 8,
    regs: Sequence[float] = (0, 0, 0),
    *,
    activation: str = "relu",
    seed: int | None = None,
) -> keras.Model:
    """Build sigmoid(h . a(p_u * q_i + W [p_u, q_i] + b)), equation 11, with a bias in the output as in NeuMF.

    Args:
        num_users: rows of `user_embedding`.
        num_items: rows of `item_embedding`.
        num_factors: width of both embeddings and of `layer1`, which is W and b.
        regs: L2 penalties of the user embedding, the item embedding and the kernel of `layer1`.
        activation: `relu`, `linear`, `tanh` or `sigmoid`: the function a.
        seed: of the initial weights; None draws fresh ones.

    Returns:
        A functional model from `user_input` and `item_input`, int32 of shape (batch, 1), to `prediction`,
        float32 of shape (batch, 1), in (0, 1).

    Raises:
        InputError: an argument breaks its rule.
    """
    require_count(num_users, "num_users")
    require_count(num_items, "num_items")
    require_count(num_factors, "num_factors")
    require_penalties(regs, 3, "regs", "the two embeddings and the layer")
    require_activation(activation)
    draw = seeds(seed)
    user_input, item_input = id_inputs()
    user_latent = latent_vector(user_input, num_users, num_factors, regs[0], "user_embedding", next(draw))
    item_latent = latent_vector(item_input, num_items, num_factors, regs[1], "item_embedding", next(draw))
    product = keras.layers.Multiply()([user_latent, item_latent])
    linear = keras.layers.Dense(
        int(num_factors),
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(draw)),
        kernel_regularizer=l2(regs[2]),
        name="layer1",
    )(keras.layers.Concatenate()([user_latent, item_latent]))
    hidden = keras.layers.Activation(activation)(keras.layers.Add()([product, linear]))
    return keras.Model([user_input, item_input], prediction(hidden, next(draw)), name="SharedFusion")
