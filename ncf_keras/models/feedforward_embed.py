"""FeedforwardEmbed: explicit ratings by ReLU layers over embeddings, scaled to the range of the ratings."""

import math
from collections.abc import Sequence

import keras

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.models.parts import id_inputs, latent_vector, prediction, seeds, tower


def build_feedforward_embed(
    num_users: int,
    num_items: int,
    num_factors: int = 32,
    hidden: Sequence[int] = (64, 32, 16),
    min_rating: float = 1.0,
    max_rating: float = 5.0,
    *,
    seed: int | None = None,
) -> keras.Model:
    """Build sigmoid(tower([p_u, q_i])) * (max_rating - min_rating) + min_rating.

    Args:
        num_users, num_items: rows of `user_embedding` and `item_embedding`.
        num_factors: width of both embeddings.
        hidden: widths of the ReLU layers `layer1`, `layer2`, … over both embeddings together.
        min_rating, max_rating: the lowest and highest rating there is; predictions stay between them.
        seed: of the initial weights; None draws fresh ones.

    Returns:
        A functional model from `user_input` and `item_input`, int32 of shape (batch, 1), to `rating`, float32
        of shape (batch, 1), in [min_rating, max_rating]: the sigmoid rounds to 0 and 1 at its ends.

    Raises:
        InputError: an argument breaks its rule.
    """
    require_count(num_users, "num_users")
    require_count(num_items, "num_items")
    require_count(num_factors, "num_factors")
    for width in hidden:
        require_count(width, "hidden")
    if not (math.isfinite(min_rating) and math.isfinite(max_rating) and min_rating < max_rating):
        raise InputError(
            "`min_rating` and `max_rating` must be finite numbers, the first below the second. "
            f"Received: {min_rating!r} and {max_rating!r}"
        )
    draw = seeds(seed)
    user_input, item_input = id_inputs()
    user_latent = latent_vector(user_input, num_users, num_factors, 0, "user_embedding", next(draw))
    item_latent = latent_vector(item_input, num_items, num_factors, 0, "item_embedding", next(draw))
    widths = (2 * num_factors, *hidden)
    top = tower(user_latent, item_latent, widths, (0,) * len(widths), draw)
    share = prediction(top, next(draw))
    scale = keras.layers.Rescaling(max_rating - min_rating, offset=min_rating, name="rating")
    return keras.Model([user_input, item_input], scale(share), name="FeedforwardEmbed")
