"""The command that repeats a run, its figures included, on the same machine."""

import shlex

from reproduction.grid import TARGETS, Grid
from reproduction.runs import BaselineRun, NetworkRun, Run


def command_of(run: Run) -> str:
    """Return the command: that of the model where it can do the run, else `run/paper.py --only`.

    The latter trains what the run starts from, too, where its weights are not there.
    """
    if isinstance(run, BaselineRun) or run.activation != "relu" or run.parents():
        return _command_of_paper(run)
    return _command_of_model(run)


def _command_of_model(run: NetworkRun) -> str:
    words = ["python", f"run/{run.model}.py", "--dataset", run.dataset, "--epochs", run.epochs]
    words += [] if run.patience is None else ["--patience", run.patience]
    words += ["--batch_size", run.batch_size]
    words += ["--num_factors", run.factors] if run.model != "MLP" else []
    if run.model != "GMF":
        zeros = [0] * len(run.layers)
        words += ["--layers", _listed(run.layers), "--reg_layers", _listed(zeros)]
    words += ["--num_neg", run.num_neg, "--lr", run.learning_rate, "--learner", run.learner]
    words += ["--seed", run.seed]
    words += ["--select", run.select] if run.select != "test" else []
    return shlex.join(map(str, words))


def _command_of_paper(run: Run) -> str:
    words = ["python", "run/paper.py", "--only", run.name]
    is_quick = run not in Grid(run.dataset, seed=run.seed).runs(TARGETS)
    words += ["--quick"] if is_quick else ["--dataset", run.dataset]
    words += ["--seed", str(run.seed)] if run.seed != Grid.seed else []
    return shlex.join([*words, "--out", "again/"])


def _listed(values: object) -> str:
    return "[" + ",".join(map(str, values)) + "]"
