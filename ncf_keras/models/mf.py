"""Matrix Factorization as the special case of GMF: section 3.2 of the paper."""

from collections.abc import Sequence

import keras

from ncf_keras.base.checks import require_count
from ncf_keras.models.checks import require_penalties
from ncf_keras.models.parts import id_inputs, latent_vector, seeds


def build_mf(
    num_users: int,
    num_items: int,
    num_factors: int = 8,
    regs: Sequence[float] = (0, 0),
    *,
    seed: int | None = None,
) -> keras.Model:
    """Build MF: p_u . q_i of equation 2, which is equation 9 with an identity output and h fixed to ones.

    Args:
        num_users: rows of `user_embedding`.
        num_items: rows of `item_embedding`.
        num_factors: width of both embeddings.
        regs: L2 penalties of the user and the item embedding; lambda * sum(w ** 2) over the whole table.
        seed: of the initial weights; None draws fresh ones.

    Returns:
        A functional model from `user_input` and `item_input`, int32 of shape (batch, 1), to `prediction`,
        float32 of shape (batch, 1), any number: train it with a squared or a pairwise loss, for it is no
        probability. The kernel of `prediction` is not trained.

    Raises:
        InputError: an argument breaks its rule.
    """
    require_count(num_users, "num_users")
    require_count(num_items, "num_items")
    require_count(num_factors, "num_factors")
    require_penalties(regs, 2, "regs", "the two embeddings")
    draw = seeds(seed)
    user_input, item_input = id_inputs()
    user_latent = latent_vector(user_input, num_users, num_factors, regs[0], "user_embedding", next(draw))
    item_latent = latent_vector(item_input, num_items, num_factors, regs[1], "item_embedding", next(draw))
    product = keras.layers.Multiply()([user_latent, item_latent])
    output = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", trainable=False, name="prediction"
    )(product)
    return keras.Model([user_input, item_input], output, name="MF")
