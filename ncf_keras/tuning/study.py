"""The trials of a search in a SQLite file: which there are, what came of them, and which comes next.

Optuna proposes and keeps them. The file can be left and taken up again, and several processes may work on it
at once. A trial that a killed process has left is never counted.
"""

import contextlib
import functools
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.checks import is_number
from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.locks import directory_lock
from ncf_keras.base.terminal import listed, shortened
from ncf_keras.tuning.candidate import EPOCHS_BEFORE_PRUNING, Outcome, Tell
from ncf_keras.tuning.spaces import SPACES, Settings

if TYPE_CHECKING:
    import optuna

STUDY_NAME = "ncf_keras"
# The name under which a trial keeps what came of it.
OUTCOME = "outcome"
# And that under which it keeps of which model it has the defaults.
DEFAULTS = "defaults of"
# What is kept of the test.
TESTED = ("number", "hr", "ndcg", "seconds", "file")
MEASURED, STATES = ("done", "given up"), ("done", "given up", "diverged", "refused")
# What reading a file raises that is no search.
UNSOUND = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RuntimeError)
# Trials that say what is usual before one is given up.
TRIALS_BEFORE_PRUNING = 6
# How long one process waits for another that writes: seconds.
LOCKED_SECONDS = 60


@dataclass(frozen=True)
class TrialRecord:
    """A trial that has ended.

    Attributes:
        number: from 0, in the order in which they began.
        model: what was tried.
        settings: with what was found while it learned.
        state: `done`; `given up`, being behind the others; `diverged`, or `refused` for settings that do not go
            with the data.
        ndcg, hr: on the held-out pairs, of one that was given up until then; else None if it is not done.
        seconds: that it took.
    """

    number: int
    model: str
    settings: Settings
    state: str
    ndcg: float | None
    hr: float | None
    seconds: float

    @property
    def description(self) -> str:
        """The model and its settings in a line, numbers to four digits."""
        values = (
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.settings.items()
        )
        return f"{self.model} {' '.join(values)}"


class Study:
    """A search in its file.

    Args:
        file: the SQLite file; made if it is missing.
        about: what all trials have in common, such as the data, as JSON values by the name of a flag. A search
            goes on only where it is the same.
        models: what is tried, names of `SPACES`.
        trials: how many there are to be.
        seed: of what is proposed.

    Raises:
        InputError: Optuna is missing, the file is no search or one about something else.
    """

    def __init__(
        self, file: Path, about: Mapping[str, Any], models: Sequence[str], trials: int = 50, seed: int = 0
    ):
        self._file, self._models, self._trials, self._seed = file, tuple(models), trials, seed
        optuna = _optuna()
        from ncf_keras.tuning.sampler import SamplerByNumber

        with _in_sentences(file, UNSOUND), directory_lock(file.parent, LOCKED_SECONDS):
            _require_own(file)
            # Not the file's name as a URL, in which characters such as ? and { mean something else.
            connect = functools.partial(
                sqlite3.connect, os.fspath(file), timeout=LOCKED_SECONDS, check_same_thread=False
            )
            storage = optuna.storages.RDBStorage("sqlite:///search", engine_kwargs={"creator": connect})
            pruner = optuna.pruners.MedianPruner(TRIALS_BEFORE_PRUNING, EPOCHS_BEFORE_PRUNING)
            self._study = optuna.create_study(
                study_name=STUDY_NAME,
                storage=storage,
                direction="maximize",
                sampler=SamplerByNumber(seed),
                pruner=pruner,
                load_if_exists=True,
            )
            if "about" in self._study.user_attrs:
                self._require_same(file, about)
            else:
                self._study.set_user_attr("about", json.dumps(about))

    def run(
        self,
        measure: Callable[[str, Settings, Tell], Outcome],
        on_trial: Callable[[TrialRecord], None] = lambda record: None,
    ) -> None:
        """Try until all trials have ended, those of other processes and of earlier ones among them.

        Args:
            measure: tries a model with settings. Diverged ends the trial, not the search, and so does any
                InputError once a trial has come to its end.
            on_trial: called with each trial of this process that has ended.
        """
        if len(self.records()) < self._trials:
            with _in_sentences(self._file), directory_lock(self._file.parent, LOCKED_SECONDS):
                self._propose_defaults()
        while len(self.records()) < self._trials:
            on_trial(self._try_one(measure))

    def records(self) -> list[TrialRecord]:
        """Return the trials that have ended, in this order.

        Those above the number asked for, which processes have begun at the same time, are left out, so that the
        best is the same whenever one looks.
        """
        with _in_sentences(self._file, UNSOUND):
            ended = [trial for trial in self._study.get_trials(False) if trial.state.is_finished()]
            counted = sorted(
                (trial for trial in ended if OUTCOME in trial.user_attrs),
                key=lambda trial: (trial.datetime_complete, trial.number),
            )
            return [_record(trial) for trial in counted[: self._trials]]

    def best_so_far(self) -> TrialRecord | None:
        """Return the trial with the highest NDCG, of equals the first; None if none has come to its end."""
        done = [record for record in self.records() if record.state == "done"]
        return max(done, key=lambda record: (record.ndcg, -record.number), default=None)

    def best(self) -> TrialRecord:
        """Return the same; InputError if there is none."""
        best = self.best_so_far()
        if best is None:
            states = ", ".join(record.state for record in self.records()) or "none"
            raise InputError(
                f"The search must have a trial that came to its end. Received: {shortened(states)}"
            )
        return best

    def tested(self) -> dict[str, Any] | None:
        """Return what `set_tested` was given last; None before."""
        kept = self._study.user_attrs.get("tested")
        with _in_sentences(self._file, UNSOUND):
            return None if kept is None else {name: json.loads(kept)[name] for name in TESTED}

    def set_tested(self, values: Mapping[str, Any]) -> None:
        """Keep what the test pairs have said."""
        with _in_sentences(self._file):
            self._study.set_user_attr("tested", json.dumps(values))

    def _try_one(self, measure: Callable[[str, Settings, Tell], Outcome]) -> TrialRecord:
        settled = any(record.state == "done" for record in self.records())
        numbers: list[int] = []

        def objective(trial: "optuna.Trial") -> float:
            numbers.append(trial.number)
            return self._objective(trial, measure)

        from ncf_keras.training.engines.guard import Diverged

        catch = InputError if settled else Diverged
        with _in_sentences(self._file):
            self._study.optimize(objective, n_trials=1, catch=(catch,))
            return _record(self._study.get_trials(False)[numbers[0]])

    def _objective(self, trial: "optuna.Trial", measure: Callable[[str, Settings, Tell], Outcome]) -> float:
        optuna, started = _optuna(), time.perf_counter()
        model = self._models[0]
        if len(self._models) > 1:
            model = trial.suggest_categorical("model", self._models)
        settings = SPACES[model].suggest(trial, model)

        def tell(epoch: int, ndcg: float) -> bool:
            trial.report(ndcg, epoch)
            return trial.should_prune()

        def keep(state: str, outcome: Outcome | None, settings: Settings) -> None:
            result = outcome and outcome.result
            figures = {"ndcg": result.ndcg, "hr": result.hr} if result else {"ndcg": None, "hr": None}
            seconds = time.perf_counter() - started
            values = {"model": model, "settings": settings, "state": state, **figures, "seconds": seconds}
            trial.set_user_attr(OUTCOME, json.dumps(values))

        try:
            outcome = measure(model, settings, tell)
        except InputError as error:
            from ncf_keras.training.engines.guard import Diverged

            keep("diverged" if isinstance(error, Diverged) else "refused", None, settings)
            raise
        keep("given up" if outcome.given_up else "done", outcome, outcome.settings)
        if outcome.given_up:
            raise optuna.TrialPruned
        return outcome.result.ndcg

    def _require_same(self, file: Path, about: Mapping[str, Any]) -> None:
        before = json.loads(self._study.user_attrs["about"])
        for flag, value in json.loads(json.dumps(about)).items():
            if before.get(flag) != value:
                rule = f"as when the search of {file} began: {before.get(flag)}"
                raise InputError(f"`{flag}` must be {rule}. Received: {value}")

    def _propose_defaults(self) -> None:
        """Have the defaults of each model tried first, and again where the trial of them was interrupted."""
        begun = [
            trial.user_attrs.get(DEFAULTS)
            for trial in self._study.get_trials(False)
            if trial.state.name != "FAIL" or OUTCOME in trial.user_attrs
        ]
        for model in self._models:
            for index, settings in enumerate(SPACES[model].first):
                name = f"{model} {index + 1}" if index else model
                if name not in begun:
                    first = {f"{model}.{setting}": value for setting, value in settings.items()}
                    proposed = {"model": model, **first} if len(self._models) > 1 else first
                    self._study.enqueue_trial(proposed, {DEFAULTS: name})


def _record(trial: "optuna.trial.FrozenTrial") -> TrialRecord:
    """Return what a trial has kept; one of `UNSOUND` is raised where it is no trial of ours."""
    record = TrialRecord(trial.number, **json.loads(trial.user_attrs[OUTCOME]))
    figures = (record.ndcg, record.hr) if record.state in MEASURED else ()
    if not (record.state in STATES and all(map(is_number, (record.seconds, *figures)))):
        raise ValueError(f"a trial whose outcome is {record.state}, {record.ndcg}, {record.hr}")
    if not record.settings.keys() >= SPACES[record.model].ranges.keys():
        raise ValueError(f"a trial of {record.model} with other settings")
    return record


def _require_own(file: Path) -> None:
    """Raise ValueError if a file is a database of something else, which would get tables of ours."""
    if kind_of(file) != "a file" or not file.stat().st_size:
        return
    with contextlib.closing(sqlite3.connect(os.fspath(file), timeout=LOCKED_SECONDS)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if tables and "studies" not in tables:
        raise ValueError(f"a database with other tables: {listed(tables)}")


@contextlib.contextmanager
def _in_sentences(file: Path, more: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Say in words what a database complains of; `more` is what else is raised by one that is none of ours."""
    optuna = _optuna()
    import sqlalchemy.exc

    complaints = (sqlite3.Error, sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError)
    try:
        yield
    except (*complaints, *more) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "orig", None) or str(error).partition("\n")[0]
        raise InputError(
            f"{file} must be the file of a search, as `ncf tune` makes it, and one that can be written. "
            f"Received: {reason}"
        ) from None


def _optuna() -> Any:
    """Return the module, which says nothing by itself."""
    try:
        import optuna
    except ImportError:
        raise InputError(
            "A search must have Optuna installed: pip install 'ncf-keras[tune]'. Received: no such library"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
