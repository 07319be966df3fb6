"""The paper's other models, losses and negatives, each trained once.

Command:  python run/experiments/other_models.py --dataset sample

All with 8 factors, Adam (rate 0.001), batches of 256, and four negatives for each positive, in pairwise
learning one. HR@10 and NDCG@10 are of the paper's protocol, at the best iteration by HR@10.
"""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import add_data_flags, whole_number

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset

FACTORS, LEARNER, RATE, BATCH_SIZE, NEGATIVES = 8, "adam", 0.001, 256, 4
# A function of model, dataset and sampling seed that returns the engine that trains the model.
MakeEngine = Callable[["keras.Model", "Dataset", int], object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_flags(parser)
    parser.add_argument("--epochs", type=whole_number(1), default=20)
    parser.add_argument("--seed", type=whole_number(0), default=1, help="of the weights and the sampling")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _experiment(flags))


def _experiment(flags: argparse.Namespace) -> None:
    dataset = load_dataset(flags)
    import_tensorflow_quietly()
    from ncf_keras.evaluation import LeaveOneOut
    from ncf_keras.models import model_scores

    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    print("| model | learns by | HR@10 | NDCG@10 | iteration |\n|---|---|---|---|---|")
    for name, how, build, make_engine in _contenders():
        model = build(dataset.num_users, dataset.num_items, seed=flags.seed)
        engine = make_engine(model, dataset, flags.seed)
        score = model_scores(model)
        results = [protocol.evaluate(score)]
        for _ in range(flags.epochs):
            engine.train_epoch()
            results.append(protocol.evaluate(score))
        # Of equal ones the first; -1 is the model before training.
        number, best = max(enumerate(results, -1), key=lambda pair: pair[1].hr)
        print(f"| {name} | {how} | {best.hr:.4f} | {best.ndcg:.4f} | {number} |", flush=True)


def _contenders() -> list[tuple[str, str, Callable[..., "keras.Model"], MakeEngine]]:
    from ncf_keras.models import build_gmf, build_mf, build_mlp, build_shared_fusion, mlp_layers
    from ncf_keras.sampling import popularity_weights
    from ncf_keras.training import bpr_loss, margin_loss, weighted_squared_loss

    gmf = functools.partial(build_gmf, num_factors=FACTORS)
    mf = functools.partial(build_mf, num_factors=FACTORS)
    shared = functools.partial(build_shared_fusion, num_factors=FACTORS)
    tanh = functools.partial(
        build_mlp, layers=mlp_layers(FACTORS, 3), reg_layers=[0, 0, 0, 0], activation="tanh"
    )
    return [
        ("GMF", "log loss", gmf, _pointwise()),
        ("GMF", "log loss, negatives by popularity^0.75", gmf, _pointwise(weigh=popularity_weights)),
        ("MF", "squared loss, equation 5", mf, _pointwise(loss=weighted_squared_loss())),
        ("MF", "squared loss, negatives weigh 0.25", mf, _pointwise(loss=weighted_squared_loss(0.25))),
        ("MF", "pairwise, BPR", mf, _pairwise(bpr_loss)),
        ("GMF", "pairwise, BPR", gmf, _pairwise(bpr_loss)),
        ("GMF", "pairwise, margin 1", gmf, _pairwise(margin_loss())),
        ("GMF and MLP on shared embeddings, equation 11", "log loss", shared, _pointwise()),
        ("MLP-3 with tanh", "log loss", tanh, _pointwise()),
    ]


def _pointwise(weigh: Callable[["Dataset"], object] | None = None, **loss: object) -> MakeEngine:
    def make(model: "keras.Model", dataset: "Dataset", seed: int) -> object:
        from ncf_keras.sampling import NegativeSampler
        from ncf_keras.training import CompiledEngine

        sampler = NegativeSampler(dataset, NEGATIVES, seed, weigh(dataset) if weigh else None)
        return CompiledEngine(model, sampler, LEARNER, RATE, BATCH_SIZE, **loss)

    return make


def _pairwise(loss: Callable) -> MakeEngine:
    def make(model: "keras.Model", dataset: "Dataset", seed: int) -> object:
        from ncf_keras.sampling import PairSampler
        from ncf_keras.training import PairwiseEngine

        sampler = PairSampler(dataset, 1, seed)
        return PairwiseEngine(model, sampler, LEARNER, RATE, BATCH_SIZE, loss)

    return make


if __name__ == "__main__":
    sys.exit(main())
