"""Memory of training by the number of users and items, at two sizes: what a million of them takes.

Command:  python run/benchmarks/memory.py            (about 2 minutes, 5 GB)

NeuMF of the authors' sizes (8 factors, layers [64,32,16,8]) with Adam. Each size is a process of its own, which
trains one short epoch on one interaction a user, and evaluates. What TensorFlow and the interactions take is
measured before the model is built, and left out.
"""

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import run_command
from ncf_keras.cli.flags import whole_number

ITEMS = 10_000
BATCH_SIZE = 16_384
# Bytes of a user or an item: 8 + 32 numbers of float32 in the tables; the engine has them with Adam's two
# moments and the last step, and a place of 4 bytes; evaluation has 8 + 32 numbers of its half.
TABLES, ENGINE, HALVES = 160, 3 * 160 + 4 + 4, 160


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=whole_number(1000), nargs="+", default=[1_000_000, 2_000_000])
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args(arguments)
    return run_command(lambda: _child(flags.users[0]) if flags.child else _benchmark(flags.users))


def _benchmark(sizes: Sequence[int]) -> None:
    print(f"computed, a million users or items: {(TABLES + ENGINE) / 1e3:.2f} GB between epochs,")
    print(f"{(TABLES + 2 * ENGINE + HALVES) / 1e3:.2f} GB at the peak, with all rows twice and the halves")
    print(f"{'users':>12}  {'at the end':>10}  {'peak':>10}")
    found = []
    for users in sizes:
        command = [sys.executable, __file__, "--child", "--users", str(users)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        cells = [f"{found[-1][name]:,} MB" for name in ("resting", "peak")]
        print(f"{users:>12,}  {cells[0]:>10}  {cells[1]:>10}", flush=True)
    for (fewer, less), (more, most) in itertools.pairwise(zip(sizes, found, strict=True)):
        grown = [(most[name] - less[name]) / (more - fewer) * 1e3 for name in ("resting", "peak")]
        print(f"a million more: {grown[0]:.2f} GB at the end, {grown[1]:.2f} GB at the peak")


def _child(users: int) -> None:
    """Train and evaluate at one size and print the memory as JSON, in MB."""
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    import numpy as np

    from ncf_keras.data import Dataset
    from ncf_keras.models import build_neumf
    from ncf_keras.training import Trainer, TrainingSpec

    everyone = np.arange(users, dtype=np.int32)
    test = np.arange(100, dtype=np.int32)
    dataset = Dataset.from_pairs(
        everyone, everyone % ITEMS, test, test, test[:, None] + 1, num_users=users, num_items=ITEMS
    )
    before = _memory_mb("VmRSS")
    spec = TrainingSpec(num_neg=0, batch_size=BATCH_SIZE, select="test")
    run = Trainer(build_neumf(users, ITEMS), dataset, spec)
    run.engine.train_epoch()
    run.evaluate()
    print(json.dumps({"resting": _memory_mb("VmRSS") - before, "peak": _memory_mb("VmHWM") - before}))


def _memory_mb(name: str) -> int:
    """Return the memory that this process has now (`VmRSS`) or has had at most (`VmHWM`), in MB; Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (found,) = (line for line in lines if line.startswith(name + ":"))
    return int(found.split()[1]) * 1024 // 10**6


if __name__ == "__main__":
    sys.exit(main())
