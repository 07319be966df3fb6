"""A built-in synthetic dataset with latent structure, so that everything can be tried without a download."""

import numpy as np

from ncf_keras.data.dataset import Dataset
from ncf_keras.data.sample_titles import GENRES, sample_titles

NUM_USERS, NUM_ITEMS, NUM_TASTES, NEGATIVES = 1000, 500, len(GENRES), 99


def sample_dataset(seed: int = 2017) -> Dataset:
    """Generate 1,000 users and 500 items of twelve hidden tastes; the same seed gives the same data.

    Each item belongs mostly to one taste and each user likes one or two tastes; a user's interactions (20 to
    60) are drawn without replacement from softmax(affinity + log popularity), and one of them, picked at
    random, is held out beside 99 negatives: the paper's leave-one-out protocol (section 4.1). Popularity
    follows a mild power law, so ranking by it beats chance but knows nothing of taste.

    The tastes are genres of films that do not exist. The title of an item tells its strongest one, so that one
    sees by eye whether a list fits a user's history: `Dust over Laredo (western)`.
    """
    generator = np.random.default_rng(seed)
    item_tastes = generator.dirichlet(np.full(NUM_TASTES, 0.05), size=NUM_ITEMS)
    user_tastes = generator.dirichlet(np.full(NUM_TASTES, 0.08), size=NUM_USERS)
    popularity = 1.0 / (10 + generator.permutation(NUM_ITEMS)) ** 0.6
    logits = 7.0 * user_tastes @ item_tastes.T + np.log(popularity)
    # The Gumbel top-k trick: sorting by logits + Gumbel noise draws without replacement from the softmax.
    order = np.argsort(-(logits + generator.gumbel(size=logits.shape)), axis=1)
    counts = generator.integers(20, 61, size=NUM_USERS)
    interacted = np.arange(NUM_ITEMS) < counts[:, None]
    held_out = generator.integers(0, counts)
    test_items = order[np.arange(NUM_USERS), held_out]
    train_users, ranks = np.nonzero(interacted & (np.arange(NUM_ITEMS) != held_out[:, None]))
    untouched = np.array([generator.choice(row[count:], NEGATIVES, replace=False)
                          for row, count in zip(order, counts, strict=True)])  # fmt: skip
    return Dataset.from_pairs(
        train_users,
        order[train_users, ranks],
        np.arange(NUM_USERS),
        test_items,
        untouched,
        name="sample",
        num_users=NUM_USERS,
        num_items=NUM_ITEMS,
        item_titles=sample_titles(item_tastes.argmax(axis=1)),
    )
