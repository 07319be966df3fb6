"""How long the page of `ncf browse` waits for its answers, of a large catalogue that is made up.

Command:  python run/benchmarks/browsing.py (half a minute)

Prints, for each kind of answer, the milliseconds of the first and the median of all, and the size of the last.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import whole_number

if TYPE_CHECKING:
    from ncf_keras.data import Dataset

WORDS, WORDS_A_TITLE, SEED = 5000, 4, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=whole_number(1), default=50_000)
    parser.add_argument("--items", type=whole_number(100), default=100_000)
    parser.add_argument("--interactions", type=whole_number(1), default=2_000_000)
    parser.add_argument("--times", type=whole_number(1), default=9, help="that each is asked")
    flags = parser.parse_args(arguments)
    return run_command(lambda: _measure(flags))


def _measure(flags: argparse.Namespace) -> None:
    import_tensorflow_quietly()
    import ncf_keras
    from ncf_keras.browsing.answers import Answers
    from ncf_keras.browsing.in_thread import served

    dataset = _made_up(flags)
    model = ncf_keras.ModelSpec("NeuMF", flags.users, flags.items).build(seed=SEED)
    answers = Answers(ncf_keras.Recommender(model, dataset), dataset)
    assert dataset.item_titles is not None
    word = dataset.item_titles[0].split()[0]
    questions = {
        "what is popular": "items",
        "a letter": "items?search=a",
        "a word": f"items?search={word}",
        "a part that nothing holds": "items?search=%23%23%23",
        "a user": "user?user=7",
        "a user, 100 items": "user?user=7&k=100",
        "3 liked titles": "liked?items=1,2,3",
        "100 liked titles": f"liked?items={','.join(map(str, range(100)))}",
        "similar items": "similar?item=3",
    }
    with served(answers) as address, requests.Session() as session:
        session.trust_env = False
        print(f"{'':26} {'first ms':>9} {'median ms':>9} {'bytes':>7}")
        for name, question in questions.items():
            seconds, size = _ask(session, f"{address}api/{question}", flags.times)
            print(f"{name:26} {1e3 * seconds[0]:9.1f} {1e3 * np.median(seconds):9.1f} {size:7,}")


def _ask(session: requests.Session, address: str, times: int) -> tuple[list[float], int]:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        answer = session.get(address, timeout=60)
        seconds.append(time.perf_counter() - started)
        answer.raise_for_status()
    return seconds, len(answer.content)


def _made_up(flags: argparse.Namespace) -> "Dataset":
    """Return a dataset with titles of made-up words; popularity falls as a power of the index."""
    from ncf_keras.data import Dataset

    generator = np.random.default_rng(SEED)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(generator.choice(letters, length)) for length in generator.integers(3, 9, WORDS)]
    titles = [
        " ".join(words[word] for word in row)
        for row in generator.integers(0, WORDS, (flags.items, WORDS_A_TITLE))
    ]
    users = generator.integers(0, flags.users, flags.interactions)
    items = np.minimum(500 * generator.pareto(1, flags.interactions), flags.items - 1).astype(int)
    nobody = np.zeros(0, int)
    return Dataset.from_pairs(
        users, items, nobody, nobody, np.zeros((0, 1), int), num_users=flags.users, num_items=flags.items,
        item_titles=titles,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
