"""What features cost a training: whole epochs with and without, in turns.

Command:  python run/benchmarks/features.py --path Data/ --dataset my-ml-1m

The dataset is one of `ncf prepare --item_features …`. Prints the seconds of each epoch's training, sampling
included, the medians, and how many times the epoch without features each took.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import MODELS, add_data_flags, number_between, whole_number
from ncf_keras.models.checks import FEATURES


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_flags(parser)
    add = parser.add_argument
    add("--model", choices=MODELS, default="NeuMF")
    add("--features", nargs="+", choices=FEATURES[1:], default=["item", "both"], help="whose; each is measured")
    add("--identity_dropout", type=number_between(0, 1, True), default=0.5, metavar="SHARE")
    add("--batch_size", type=whole_number(1), default=256)
    add("--epochs", type=whole_number(1), default=3, help="of each, after one that compiles")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _measure(flags))


def _measure(flags: argparse.Namespace) -> None:
    dataset = load_dataset(flags)
    import_tensorflow_quietly()
    from dataclasses import replace

    from ncf_keras.models import ModelSpec
    from ncf_keras.training import Trainer, TrainingSpec
    from ncf_keras.training.known_features import KnownFeatures

    spec = ModelSpec(flags.model, dataset.num_users, dataset.num_items)
    training = TrainingSpec(epochs=1 + flags.epochs, batch_size=flags.batch_size, select="none", seed=1)
    trainers = {"none": Trainer(spec.build(1), dataset, training)}
    for sides in flags.features:
        known = KnownFeatures.of(dataset, sides)
        for share in dict.fromkeys((0, flags.identity_dropout)):
            described = replace(known.spec(spec), identity_dropout=share)
            name = sides + (f", identity left out of {share:g}" if share else "")
            trainers[name] = Trainer(described.build(1, **known.matrices), dataset, training)
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    for epoch in range(1 + flags.epochs):
        for name, trainer in trainers.items():
            started = time.perf_counter()
            trainer.engine.train_epoch()
            if epoch:
                seconds[name].append(time.perf_counter() - started)
    without = np.median(seconds["none"])
    for name, each in seconds.items():
        listed = " ".join(f"{one:.2f}" for one in each)
        print(f"{name:40} {listed}   median {np.median(each):.2f} s, {np.median(each) / without:.2f} times")


if __name__ == "__main__":
    raise SystemExit(main())
