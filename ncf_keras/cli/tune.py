"""`ncf tune`: settings found by a search on validation pairs, and the model they make, tested once."""

import argparse
import contextlib
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import require_output, writable_directory
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.locks import try_lock
from ncf_keras.cli.console import import_tensorflow_quietly, run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import add_data_flags, whole_number
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.output_file import write_output_files
from ncf_keras.cli.paths import SearchPrefix
from ncf_keras.cli.plot import require_matplotlib
from ncf_keras.cli.training_options import content_digest
from ncf_keras.cli.tuning_table import draw_trials, first_rows, trials_csv
from ncf_keras.models.spec import KINDS
from ncf_keras.tuning.spaces import SPACES

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.tuning import Effort, Outcome, Study, TrialRecord
    from ncf_keras.tuning.candidate import Tell
    from ncf_keras.tuning.spaces import Settings

# The model that is a recipe.
TUNED = "tuned"
# What is searched if nothing is said: both are NeuMF.
DEFAULT_MODELS = ("NeuMF", TUNED)
SHOWN = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _tune, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Search for the settings that suit a dataset, on pairs held out of train (`--protocol "
        "validation`), and train the best on all of it. The test pairs are ranked once, at the end. The same "
        "command goes on with a search that was stopped; several may work on one search at the same time.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_data_flags(parser)
    add = parser.add_argument
    baselines = ", ".join(name for name in SPACES if name not in (*KINDS, TUNED))
    tried = (
        f"what is tried, one or several: {', '.join(KINDS)}, from random weights; {TUNED}, a NeuMF by a "
        f"recipe (GMF by least squares, fused with an MLP); a baseline: {baselines} (default: "
        f"{' '.join(DEFAULT_MODELS)})"
    )
    add("--model", nargs="+", choices=tuple(SPACES), metavar="MODEL", help=tried)
    add("--trials", type=whole_number(1), default=50, metavar="N", help="how many settings are tried")
    most = "the most passes over the data; three without a better NDCG end a trial"
    add("--epochs", type=whole_number(1), default=20, help=most)
    add("--topk", type=whole_number(1), default=10, help="length of the ranked list")
    add("--seed", type=whole_number(0), default=0, help="of the search and of all trainings")
    files = (
        "what the names of its files begin with: .sqlite (the trials), .csv and .png (a table and a picture of "
        "them), .json (the settings of a recipe), .h5 or .npz (the model)"
    )
    add("--out", type=SearchPrefix, metavar="PREFIX", help=f"{files} (default: pretrain/DATASET_tune)")
    return parser


def _tune(flags: argparse.Namespace) -> None:
    from ncf_keras.data import split_validation

    prefix = _prefix(flags)
    require_matplotlib("`ncf tune`")
    dataset = load_dataset(flags)
    examples = split_validation(dataset)
    import_tensorflow_quietly()
    from ncf_keras.tuning import Effort, Study

    models = tuple(dict.fromkeys(flags.model or DEFAULT_MODELS))
    about = {f"--{name}": getattr(flags, name) for name in ("dataset", "epochs", "topk", "seed")}
    about |= {"--model": list(models), "content of --dataset": content_digest(dataset)}
    study = Study(Path(f"{prefix}.sqlite"), about, models, flags.trials, flags.seed)
    before = len(study.records())
    if 0 < before < flags.trials:
        print(f"{prefix}.sqlite has {before} of {flags.trials} trials: the search goes on.", file=sys.stderr)
    effort = Effort(flags.epochs, flags.seed, flags.topk)
    study.run(
        partial(_measure, examples, effort),
        lambda record: print(_line(record, study.best_so_far(), flags.topk), flush=True),
    )
    with _one_at_a_time(Path(prefix).with_name(f".{Path(prefix).name}.lock")):
        _finish(flags, prefix, study, dataset)


def _prefix(flags: argparse.Namespace) -> SearchPrefix:
    """Return what the names of the files begin with; InputError if they can't be written or are another's."""
    prefix = SearchPrefix(f"pretrain/{Path(flags.dataset).name}_tune") if flags.out is None else flags.out
    if prefix.endswith("/") or not Path(prefix).name or kind_of(prefix, "`--out`") == "a directory":
        raise InputError(
            "`--out` must end in a name for the files, such as pretrain/mydata_tune. "
            f"Received: {prefix or 'none'}"
        )
    writable_directory(Path(prefix).parent, "--out")
    search, *others = prefix.files()
    for file in (search, *others):
        require_output(file, "`--out`")
    there = [file for file in others if kind_of(file) is not None]
    if there and kind_of(search) is None:
        raise InputError(
            "`--out` must be of a search that goes on, or of files that are not there yet. "
            f"Received: {prefix}, where there is {there[0].name} and no {search.name}"
        )
    return prefix


@contextlib.contextmanager
def _one_at_a_time(file: Path) -> Iterator[None]:
    """Wait, and say so, until no other process has the lock of a file."""
    waits = False
    while True:
        with try_lock(file) as locked:
            if locked:
                yield
                return
        if not waits:
            print("Another process trains and tests the best: waiting for it.", file=sys.stderr)
        waits = True
        time.sleep(1)


def _measure(
    examples: "Dataset", effort: "Effort", model: str, settings: "Settings", tell: "Tell"
) -> "Outcome":
    from ncf_keras.tuning import candidate_of

    return candidate_of(model).measure(settings, examples, effort, tell)


def _line(record: "TrialRecord", best: "TrialRecord | None", top_k: int) -> str:
    figures = record.state
    if record.ndcg is not None:
        word = "" if record.state == "done" else f" ({record.state})"
        figures = f"HR@{top_k} = {record.hr:.4f}, NDCG@{top_k} = {record.ndcg:.4f}{word}"
    mark = ", the best so far" if best and best.number == record.number else ""
    return f"Trial {record.number} [{record.seconds:.1f} s]: {figures}{mark}: {record.description}"


def _finish(flags: argparse.Namespace, prefix: SearchPrefix, study: "Study", dataset: "Dataset") -> None:
    """Write the table and the picture; train and test the best, unless another process has done it."""
    from ncf_keras.tuning import candidate_of

    records, best = study.records(), study.best()
    write_output_files({"--out": (f"{prefix}.csv", trials_csv(records))})
    draw_trials(records, flags.topk, Path(f"{prefix}.png"))
    print(first_rows(records, SHOWN, flags.topk))
    print(f"All {len(records)} trials: {prefix}.csv, {prefix}.png")
    tested = study.tested()
    if tested is None or tested["number"] != best.number or not _model_file(prefix, tested).exists():
        if tested is not None and tested["number"] != best.number:
            print(
                f"Note: the test pairs were ranked before, for trial {tested['number']}; whoever looks twice "
                "and takes the better one has tuned on them.",
                file=sys.stderr,
            )
        tested = _test(flags, prefix, best, dataset)
        study.set_tested(tested)
    print(
        f"Trial {best.number} on the test pairs: HR@{flags.topk} = {tested['hr']:.4f}, "
        f"NDCG@{flags.topk} = {tested['ndcg']:.4f}. The model is saved to {_model_file(prefix, tested)}"
    )
    words = candidate_of(best.model).flags(best.settings, flags.seed, f"{prefix}.json")
    print(f"The same again: {shlex.join(['ncf', *words, '--path', flags.path, '--dataset', flags.dataset])}")


def _model_file(prefix: SearchPrefix, tested: dict[str, Any]) -> Path:
    """Return where the model is that was tested: the search may have been moved since, with all its files."""
    return Path(f"{prefix}{Path(tested['file']).suffix}")


def _test(
    flags: argparse.Namespace, prefix: SearchPrefix, best: "TrialRecord", dataset: "Dataset"
) -> dict[str, Any]:
    """Train the best on all train interactions, save it and its settings, and rank the test pairs."""
    import keras

    from ncf_keras.cli.scores import pair_scores
    from ncf_keras.evaluation import LeaveOneOut
    from ncf_keras.training.recipe_file import recipe_text
    from ncf_keras.tuning import candidate_of
    from ncf_keras.tuning.recipes import recipe_of
    from ncf_keras.weights import save_weights

    started = time.perf_counter()
    model = candidate_of(best.model).make(best.settings, dataset, flags.seed)
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    result = protocol.evaluate(pair_scores(model), flags.topk)
    if best.model == TUNED:
        write_output_files({"--out": (f"{prefix}.json", recipe_text(recipe_of(best.settings)))})
    if isinstance(model, keras.Model):
        file = f"{prefix}.h5"
        save_weights(model, file)
    else:
        file = f"{prefix}.npz"
        model.save(file)
    seconds = time.perf_counter() - started
    return {"number": best.number, "hr": result.hr, "ndcg": result.ndcg, "seconds": seconds, "file": file}
