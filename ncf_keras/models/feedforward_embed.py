"""FeedforwardEmbed: explicit ratings by ReLU layers over embeddings, scaled to the range of the ratings."""

import math
from collections.abc import Sequence

import keras

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.models.parts import id_inputs, latent_vectors, prediction, seeds, tower


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

    The model is as those of `builders.py`, but its output is `rating`, in [min_rating, max_rating]: the sigmoid
    rounds to 0 and 1 at its ends.

    Args:
        num_users, num_items: rows of `user_embedding` and `item_embedding`.
        num_factors: width of both embeddings.
        hidden: widths of the ReLU layers `layer1`, `layer2`, … over both embeddings together.
        min_rating, max_rating: the lowest and highest rating there is.
        seed: of the initial weights; None draws fresh ones.
    """
    counts = [(num_users, "num_users"), (num_items, "num_items"), (num_factors, "num_factors")]
    for value, name in (*counts, *((width, "hidden") for width in hidden)):
        require_count(value, name)
    if not (math.isfinite(min_rating) and math.isfinite(max_rating) and min_rating < max_rating):
        raise InputError(
            "`min_rating` and `max_rating` must be finite numbers, the first below the second. "
            f"Received: {min_rating!r} and {max_rating!r}"
        )
    inputs, draw, widths = id_inputs(), seeds(seed), (2 * num_factors, *hidden)
    vectors = latent_vectors(inputs, (num_users, num_items), num_factors, (0, 0), draw)
    top = tower(vectors[0], vectors[1], widths, (0,) * len(widths), draw)
    scale = keras.layers.Rescaling(max_rating - min_rating, offset=min_rating, name="rating")
    return keras.Model(inputs, scale(prediction(top, next(draw))), name="FeedforwardEmbed")
