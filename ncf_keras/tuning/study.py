"""The trials of a search in a SQLite file: which there are, what came of them, and which comes next.

Optuna proposes and keeps them. The file can be left and taken up again, and several processes may work on it
at once. A trial that a killed process has left is never counted.
"""

import contextlib
import functools
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.locks import directory_lock
from ncf_keras.tuning.candidate import Outcome, Tell
from ncf_keras.tuning.spaces import SPACES, Settings

if TYPE_CHECKING:
    import optuna

STUDY_NAME = "ncf_keras"
# The name under which a trial keeps what came of it.
OUTCOME = "outcome"
# Trials that say what is usual before one is given up, and epochs that each may take anyway.
TRIALS_BEFORE_PRUNING, EPOCHS_BEFORE_PRUNING = 6, 1
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

        # Optuna says by a RuntimeError that another version of it has made the file.
        with _in_sentences(file, RuntimeError), directory_lock(file.parent, LOCKED_SECONDS):
            # In an address a file's `{`, `}` and `?` would mean something.
            options: dict[str, Any] = {"timeout": LOCKED_SECONDS, "check_same_thread": False}
            connect = functools.partial(sqlite3.connect, file, **options)
            storage = optuna.storages.RDBStorage("sqlite:///search", engine_kwargs={"creator": connect})
            pruner = optuna.pruners.MedianPruner(TRIALS_BEFORE_PRUNING, EPOCHS_BEFORE_PRUNING)
            known = STUDY_NAME in optuna.study.get_all_study_names(storage)
            self._study = optuna.create_study(
                study_name=STUDY_NAME,
                storage=storage,
                direction="maximize",
                sampler=SamplerByNumber(seed),
                pruner=pruner,
                load_if_exists=True,
            )
            if known:
                self._require_same(file, about)
            else:
                self._study.set_user_attr("about", json.dumps(about))
                for model in self._models:
                    first = {f"{model}.{name}": value for name, value in SPACES[model].first.items()}
                    self._study.enqueue_trial({"model": model, **first} if len(self._models) > 1 else first)

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
        with _in_sentences(self._file):
            while len(self.records()) < self._trials:
                on_trial(self._try_one(measure))

    def records(self) -> list[TrialRecord]:
        """Return the trials that have ended, in this order.

        Those above the number asked for, which processes have begun at the same time, are left out, so that the
        best is the same whenever one looks.
        """
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
            raise InputError("The search must have a trial that came to its end. Received: none")
        return best

    def tested(self) -> dict[str, Any] | None:
        """Return what `set_tested` was given last; None before."""
        kept = self._study.user_attrs.get("tested")
        return None if kept is None else json.loads(kept)

    def set_tested(self, values: Mapping[str, Any]) -> None:
        """Keep what the test pairs have said."""
        self._study.set_user_attr("tested", json.dumps(values))

    def _try_one(self, measure: Callable[[str, Settings, Tell], Outcome]) -> TrialRecord:
        settled = any(record.state == "done" for record in self.records())
        numbers: list[int] = []

        def objective(trial: "optuna.Trial") -> float:
            numbers.append(trial.number)
            return self._objective(trial, measure)

        from ncf_keras.training.engines.guard import Diverged

        catch = InputError if settled else Diverged
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
        before = json.loads(self._study.user_attrs.get("about", "{}"))
        for flag, value in json.loads(json.dumps(about)).items():
            if before.get(flag) != value:
                rule = f"as when the search of {file} began: {before.get(flag)}"
                raise InputError(f"`{flag}` must be {rule}. Received: {value}")


def _record(trial: "optuna.trial.FrozenTrial") -> TrialRecord:
    return TrialRecord(trial.number, **json.loads(trial.user_attrs[OUTCOME]))


@contextlib.contextmanager
def _in_sentences(file: Path, *more: type[Exception]) -> Iterator[None]:
    """Say in words what a database complains of; `more` are errors that are such complaints here, too."""
    optuna = _optuna()
    import sqlalchemy.exc

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, *more) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{file} must be the file of a search, as `ncf tune` makes it. Received: {reason}"
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
