"""The weighted squared loss over all pairs, by which the tuned GMF is solved for.

With the prediction s(u, i) = p_u . q_i, the loss is that of equation 5 over all pairs and not over drawn ones,

    sum over train interactions of (1 - s)^2  +  sum over all pairs of a c_i s^2
    + regularization * (sum over users of w_u |p_u|^2 + sum over items of w_i |q_i|^2),

where a is `unobserved_weight`, n counts train interactions, and c_i = max(n_i, 1)^popularity_exponent, scaled
to a mean of 1: an item without interactions weighs as one with a single one. w is what the pairs of a user or
an item weigh together, n_u + a sum of c_i and n_i + a c_i num_users, in units of their mean, to the power of
`penalty_exponent`, times the mean. A penalty that grows with what is known of a user or an item is that of
Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks" (RecSys 2022); at an
exponent of 0 all users have the same, and all items.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncf_keras.base.checks import is_number, require_count
from ncf_keras.base.errors import InputError

if TYPE_CHECKING:
    import numpy as np

# A penalty is the product of two of these and of up to 2**31 users or items, in float32, which ends at 3e38.
LARGEST_WEIGHT = 1e9
# What helps is between -1 and 1; at 10 a handful of items have all the weight, and nothing has overflowed yet.
LARGEST_EXPONENT = 10


@dataclass(frozen=True)
class LeastSquares:
    """The settings of the loss above, and how long it is minimised.

    Attributes:
        unobserved_weight: what a pair that is no interaction weighs, where an interaction weighs 1; above 0, at
            most 1e9.
        regularization: of the penalties; above 0, at most 1e9.
        popularity_exponent: how much more the missing pairs of popular items weigh, from -10 to 10; 0: all the
            same; below 0: less.
        sweeps: how often all users and all items are solved for; a whole number of at least 1.
        penalty_exponent: how much the penalty grows with what is known of a user or an item, from 0, the same
            for all, to 1, in proportion.
    """

    unobserved_weight: float
    regularization: float
    popularity_exponent: float
    sweeps: int
    penalty_exponent: float = 1.0

    def __post_init__(self):
        for name in ("unobserved_weight", "regularization"):
            value = getattr(self, name)
            if not (is_number(value) and 0 < value <= LARGEST_WEIGHT):
                rule = f"a number of at most {LARGEST_WEIGHT:g} and above 0"
                raise InputError(f"`{name}` must be {rule}. Received: {value!r}")
        exponent = self.popularity_exponent
        if not (is_number(exponent) and -LARGEST_EXPONENT <= exponent <= LARGEST_EXPONENT):
            rule = f"a number from {-LARGEST_EXPONENT} to {LARGEST_EXPONENT}"
            raise InputError(f"`popularity_exponent` must be {rule}. Received: {exponent!r}")
        require_count(self.sweeps, "sweeps")
        if not (is_number(self.penalty_exponent) and 0 <= self.penalty_exponent <= 1):
            raise InputError(
                f"`penalty_exponent` must be a number from 0 to 1. Received: {self.penalty_exponent!r}"
            )

    def penalties(
        self, counts: "np.ndarray", row_weights: "np.ndarray", column_weights: "np.ndarray"
    ) -> "np.ndarray":
        """Return what the squared norm of each row's vector costs, float32.

        Args:
            counts: train interactions of each row: of each user, or of each item.
            row_weights, column_weights: float32; a pair weighs the product of its two, an interaction 1 more.
        """
        known = counts + row_weights * column_weights.sum()
        powers = known.mean() ** (1 - self.penalty_exponent) * known**self.penalty_exponent
        return (self.regularization * powers).astype("float32")


# Chosen on validation pairs of MovieLens-1M, for 192 factors: `docs/tuning.md`.
TUNED_LOSS = LeastSquares(unobserved_weight=0.25, regularization=0.007, popularity_exponent=0.1, sweeps=12)
