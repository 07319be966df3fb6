"""A worker process of `test_distributed_engine.py`: trains one epoch per case; the chief writes the results.

Arguments: the strategy, the file to write, and which of `CASES`.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from functools import partial

import numpy as np

RATE, BATCH_SIZE, SEED = 0.005, 32, 5
# Learner, and penalty on the embeddings, which takes the dense step.
CASES = {"sgd": ("sgd", 0.0), "adam": ("adam", 0.0), "penalised": ("adam", 0.01)}


def dataset():
    """300 users, 80 items, some of them rare; 3,210 positives make 502 steps, the last one partial."""
    from ncf_keras.data import Dataset

    generator = np.random.default_rng(3)
    popularity = 1 / np.arange(1, 24_001) ** 0.7
    pairs = generator.choice(24_000, 3_210, replace=False, p=popularity / popularity.sum())
    users, items = np.divmod(generator.permutation(24_000)[pairs], 80)
    test = np.arange(5)
    return Dataset.from_pairs(users, items, test, test, test[:, None], num_users=300, num_items=80)


def spread_weights(model):
    """Make the embeddings large enough that every path carries signal from the first step."""
    generator = np.random.default_rng(11)
    model.set_weights([generator.normal(0, 0.3, array.shape) for array in model.get_weights()])


def record_losses(engine):
    """Train an epoch with a compiled engine; return the loss of each step."""
    losses, train_stack = [], engine.train_stack
    engine.train_stack = lambda *stack: losses.append(train_stack(*stack)) or losses[-1]
    engine.train_epoch()
    return np.concatenate([of_stack for of_stack, _ in losses])


def build(penalty=0.0):
    """A NeuMF with weights that carry signal from the first step."""
    from ncf_keras.models import build_neumf

    model = build_neumf(300, 80, 4, (16, 8), (0, penalty), reg_mf=penalty)
    spread_weights(model)
    return model


def make(model, sampler, learner, workers, rate):
    """Return the engine under test."""
    from ncf_keras.training.engines.distributed_engine import DistributedEngine

    return DistributedEngine(model, sampler, learner, rate, BATCH_SIZE, workers)


def main(strategy, file, *names):
    """Train each case and write the results."""
    from ncf_keras.training.engines import workers as who

    workers = who.cluster_workers() if strategy == "multiworker" else who.mirrored_workers()
    from ncf_keras.sampling import NegativeSampler
    from ncf_keras.training.engines.distributed_engine import follow_chief, release_workers

    results = {}
    for name in names:
        learner, penalty = CASES[name]
        model = build(penalty)
        sampler = NegativeSampler(dataset(), 4, SEED)
        make_engine = partial(make, model, sampler, learner, workers)

        if not workers.is_chief:
            # Wrong weights, which the chief's state must replace.
            model.set_weights([0 * array for array in model.get_weights()])
            follow_chief(make_engine(RATE), workers)
            continue
        losses = record_losses(make_engine(RATE))
        release_workers(workers)
        results[name] = losses
        results |= {f"{name}_{number}": array for number, array in enumerate(model.get_weights())}
    if workers.is_chief:
        np.savez(file, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
