"""BPR: matrix factorisation that learns to rank a user's items above others."""

from dataclasses import dataclass

import numpy as np

from ncf_keras.base.checks import require_above_zero, require_at_least, require_count
from ncf_keras.base.errors import InputError
from ncf_keras.baselines.factor_models import FactorModel, products_are_finite
from ncf_keras.data import Dataset

PAIRS_A_CHUNK = 2**16
# Pairs whose gradients are taken at the same weights and then summed: few share a user or an item.
PAIRS_A_STEP = 1024


@dataclass
class BPR(FactorModel):
    """Matrix factorisation that learns to rank a user's items above others, by SGD on drawn pairs.

    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.
    Minimises, for a train interaction i of a user u and an item j that u has not interacted with, drawn
    uniformly,

        -log sigmoid(p_u . q_i - p_u . q_j) + regularization / 2 * (|p_u|^2 + |q_i|^2 + |q_j|^2)

    by SGD. The library `implicit` has a BPR too, but draws j by popularity, which is another loss.

    Args:
        factors: width of the latent vectors.
        learning_rate: fixed.
        regularization: L2, on the vectors of each example.
        epochs: how often each train interaction is used.
        seed: of the initial factors, N(0, 0.01), and of all draws.
    """

    factors: int = 64
    learning_rate: float = 0.05
    regularization: float = 0.01
    epochs: int = 60
    seed: int = 0

    def __post_init__(self):
        require_count(self.factors, "factors")
        require_above_zero(self.learning_rate, "learning_rate")
        require_at_least(self.regularization, 0, "regularization")
        require_count(self.epochs, "epochs")
        require_count(self.seed, "seed", 0)

    def _factorise(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        # It imports TensorFlow, which takes seconds that the other baselines do not need.
        from ncf_keras.sampling import PairSampler

        generator = np.random.default_rng(self.seed)
        users = generator.normal(0, 0.01, (dataset.num_users, self.factors)).astype(np.float32)
        items = generator.normal(0, 0.01, (dataset.num_items, self.factors)).astype(np.float32)
        sampler = PairSampler(dataset, seed=self.seed)
        for epoch in range(self.epochs):
            for chunk in sampler.chunks(epoch, PAIRS_A_CHUNK):
                for start in range(0, len(chunk[0]), PAIRS_A_STEP):
                    pairs = tuple(part[start : start + PAIRS_A_STEP] for part in chunk)
                    descend(users, items, pairs, self.learning_rate, self.regularization)
            if not products_are_finite(users, items):
                raise InputError(
                    "`learning_rate` and `regularization` must be small enough for the scores to stay finite. "
                    f"Received: {self.learning_rate!r} and {self.regularization!r}"
                )
        return users, items


def descend(
    users: np.ndarray,
    items: np.ndarray,
    pairs: tuple[np.ndarray, ...],
    learning_rate: float,
    regularization: float,
) -> None:
    """Take the steps of some pairs (users, positives, negatives), all from the same factors, in place."""
    user_index, positive_index, negative_index = pairs
    user, positive, negative = users[user_index], items[positive_index], items[negative_index]
    apart = positive - negative
    # 1 - sigmoid(x) = 1 / (1 + exp(x)), written so that nothing overflows.
    push = (0.5 - 0.5 * np.tanh(0.5 * np.einsum("pk,pk->p", user, apart)))[:, None]
    _add_rows(users, user_index, learning_rate * (push * apart - regularization * user))
    pushed = push * user
    both = np.concatenate([pushed - regularization * positive, -pushed - regularization * negative])
    _add_rows(items, np.concatenate([positive_index, negative_index]), learning_rate * both)


def _add_rows(table: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """Add each of `values` to its row of the table; ten times as fast as np.add.at."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    table[ordered[starts]] += np.add.reduceat(values[order], starts, axis=0)
