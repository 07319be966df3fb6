"""The weighted squared loss over all pairs, by which the tuned GMF is solved for.

With the prediction s(u, i) = p_u . q_i, the loss is that of equation 5 over all pairs and not over drawn ones,

    sum over train interactions of (1 - s)^2  +  sum over all pairs of a c_i s^2
    + regularization * (sum over users of (n_u + a sum of c_i) |p_u|^2
                        + sum over items of (n_i + a c_i num_users) |q_i|^2),

where a is `unobserved_weight`, n counts train interactions, and c_i = n_i^popularity_exponent, scaled to a mean
of 1. A penalty that grows with what is known of a user or an item is what Rendle et al., "Revisiting the
performance of iALS on item recommendation benchmarks" (RecSys 2022), found to make weighted ALS strong.
"""

import math
from dataclasses import dataclass

from ncf_keras.errors import InputError


@dataclass(frozen=True)
class LeastSquares:
    """The settings of the loss above, and how long it is minimised.

    Attributes:
        unobserved_weight: what a pair that is no interaction weighs, where an interaction weighs 1; above 0.
        regularization: of the penalties; above 0.
        popularity_exponent: how much more the missing pairs of popular items weigh; 0: all the same.
        sweeps: how often all users and all items are solved for; at least 1.

    Raises:
        InputError: a setting breaks its rule.
    """

    unobserved_weight: float
    regularization: float
    popularity_exponent: float
    sweeps: int

    def __post_init__(self):
        for name in ("unobserved_weight", "regularization"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"`{name}` must be a number above 0. Received: {getattr(self, name)!r}")
        if not math.isfinite(self.popularity_exponent):
            raise InputError(
                f"`popularity_exponent` must be a finite number. Received: {self.popularity_exponent!r}"
            )
        if self.sweeps < 1:
            raise InputError(f"`sweeps` must be at least 1. Received: {self.sweeps!r}")
