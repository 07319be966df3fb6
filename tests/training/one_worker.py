"""A worker process of `test_sharded_engine.py`: trains one epoch per case; the chief writes the results.

Arguments: the strategy, the file to write, and which of `CASES`.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

RATE, SEED, SHARDS = 0.005, 5, 8
# Learner, penalty on the embeddings, and batch size. 300 users and 80 items: rows are deferred and gradients
# gathered at 16, all rows move at 512, which is more than all rows, so by halves, and at 32 only the items do;
# with a penalty all do.
CASES = {
    "sgd": ("sgd", 0.0, 16),
    "adam": ("adam", 0.0, 16),
    "penalised": ("adam", 0.01, 32),
    "items dense": ("adam", 0.0, 32),
    "dense": ("adam", 0.0, 512),
    "dense, penalised": ("adam", 0.01, 512),
}


def dataset():
    """300 users, 80 items, some of them rare; 3,210 positives make 1,004 steps of 16."""
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


def build(penalty=0.0, num_users=300):
    """A NeuMF with weights that carry signal from the first step."""
    from ncf_keras.models import build_neumf

    model = build_neumf(num_users, 80, 4, (16, 8), (penalty, 0), reg_mf=penalty)
    spread_weights(model)
    return model


def sharded_sampler():
    """The examples of all cases."""
    from ncf_keras.sampling import ShardedSampler

    return ShardedSampler(dataset(), 4, SEED, SHARDS)


def make_engine(name, workers=None):
    """Return the engine of a case, and its model, which has one user on other workers than the chief."""
    from ncf_keras.training.engines.sharded_engine import ShardedEngine

    learner, penalty, batch_size = CASES[name]
    model = build(penalty, 300 if workers is None or workers.is_chief else 1)
    return ShardedEngine(model, sharded_sampler(), learner, RATE, batch_size, workers), model


def results_of(engine, model):
    """Train an epoch; return the loss of each step, the weights and the state as arrays by name."""
    losses = record_losses(engine)
    weights = {f"weights {number}": array for number, array in enumerate(model.get_weights())}
    return {"losses": losses, **weights, **{f"state {name}": array for name, array in engine.state().items()}}


def main(strategy, file, *names):
    """Train each case and write the results."""
    from ncf_keras.training.engines import workers as who

    workers = who.cluster_workers() if strategy == "multiworker" else who.mirrored_workers()
    from ncf_keras.training.engines.sharded_engine import follow_chief, release_workers

    results = {}
    for name in names:
        engine, model = make_engine(name, workers)
        if not workers.is_chief:
            # Wrong weights, which the chief's state must replace.
            model.set_weights([0 * array for array in model.get_weights()])
            follow_chief(engine, workers)
            continue
        results |= {f"{name} {what}": array for what, array in results_of(engine, model).items()}
        release_workers(workers)
    if workers.is_chief:
        np.savez(file, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
