"""Whether a model that lives stays as good as one that is trained anew: a log replayed in steps.

Command:  python run/experiments/replay.py --log Data/ml-100k/u.data --out replay-100k/ (some minutes)

Day one is the first 80% of the interactions by time; ten steps of 2% each follow. Before each step there are
four models, which all know what came before it, and rank the step's interactions:

- trained anew on everything so far;
- the model of the step before, warm started and trained a little, as `ncf update` does each night;
- the model of day one as it is, with the users and items that have come since folded in;
- the popularity of the items so far.

Each interaction of a step is a test pair of its own: its item among 99 items without an interaction of the
user, and among all such items. Users and items of whom nothing is known before a step can't be ranked; their
interactions are left out and counted. The first step comes after day one alone, where the first three models
are the same, so means begin at the second.

Results are kept in `--out`, so the same command again goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.base.files import writable_directory
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import MODELS, number_above, whole_number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and return its exit status."""
    flags = _parser().parse_args(arguments)
    return run_command(lambda: _experiment(flags))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True, help="interactions with timestamps")
    parser.add_argument("--out", required=True, help="directory of the results")
    meaning = "draw with this seed when users join and items are launched; timestamps only order a user's items"
    parser.add_argument("--arrivals", type=whole_number(0), metavar="SEED", help=meaning)
    parser.add_argument("--first", type=number_above(0, False, 1), default=0.8, help="share of day one")
    parser.add_argument("--steps", type=whole_number(2), default=10)
    parser.add_argument("--model", choices=MODELS, default="NeuMF")
    parser.add_argument("--epochs", type=whole_number(1), default=12, help="of each training anew")
    parser.add_argument("--warm_epochs", type=whole_number(0), default=4, help="of each warm start")
    parser.add_argument("--warm_rate", type=number_above(0, False), default=0.001, help="its learning rate")
    meaning = "old interactions for each new one in it"
    parser.add_argument("--replay", type=number_above(0, True), default=4, help=meaning)
    parser.add_argument("--negatives", type=whole_number(1), default=99, help="items to rank each item among")
    meaning = "of weights and sampling; figures are means over all"
    parser.add_argument("--seeds", type=whole_number(0), nargs="+", default=[1], help=meaning)
    return parser


def _experiment(flags: argparse.Namespace) -> None:
    import_tensorflow_quietly()
    from _replay_methods import Replay, ReplaySettings
    from _replay_tables import TestedStep, tables
    from _replayed_log import read_replayed_log

    log = read_replayed_log(flags.log, flags.first, flags.steps, flags.arrivals)
    same = ("epochs", "warm_epochs", "warm_rate", "replay", "negatives")
    replays = []
    for seed in flags.seeds:
        settings = ReplaySettings(flags.log.name, flags.model, *(getattr(flags, name) for name in same), seed)
        replays.append(Replay(log, settings, writable_directory(f"{flags.out}/seed_{seed}", "--out")))
    results = [replay.results(lambda line: print(line, file=sys.stderr, flush=True)) for replay in replays]
    datasets = [replays[0].dataset(step) for step in range(1, log.num_steps + 1)]
    steps = map(TestedStep, datasets, zip(*results, strict=True))
    print("\n".join(tables(log, list(steps))))


if __name__ == "__main__":
    sys.exit(main())
