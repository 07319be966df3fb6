"""The loop over epochs, and what it asks of an engine that is scripted."""

import json

import keras
import numpy as np
import pytest

from ncf_keras.base import memory
from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.data import Dataset
from ncf_keras.evaluation import RankingResult
from ncf_keras.models import build_gmf
from ncf_keras.training import Best, Iteration, Trainer, TrainingSpec, trainer as trainer_module


class ScriptedEngine:
    """Gives the losses 1.0, 2.0, …"""

    pauses_within_epochs = True
    learning_rate = 0.001
    progress = (0, 0)
    loss_so_far = 0.5
    steps_before = 0

    def __init__(self):
        self.epochs = 0

    def train_epoch(self, on_progress=None) -> float:
        self.epochs += 1
        return float(self.epochs)

    def read_model(self):
        pass


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    test = np.arange(2)
    return Dataset.from_pairs(np.array([0, 1]), np.array([0, 1]), test, 1 - test, np.full((2, 1), 2))


@pytest.fixture
def scripted(tiny):
    """Return a function that trains by script and returns the trainer and the history."""

    def run(hit_ratios, **settings):
        trainer = Trainer(build_gmf(2, 3, 2), tiny, TrainingSpec(select="test", **settings))
        script = iter(hit_ratios)
        trainer.engine = ScriptedEngine()

        def evaluate() -> RankingResult:
            value = next(script)
            return RankingResult(np.array([value]), np.array([value / 2]))

        trainer.evaluate = evaluate
        return trainer, trainer.fit()

    return run


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda model, data: Trainer("NeuMF", data), "`model` must be a Keras model. Received: 'NeuMF'"),
        (lambda model, data: Trainer(model, 3), "`dataset` must be a Dataset (`ncf_keras.read_dataset` or"),
        (lambda model, data: Trainer(build_gmf(3, 2), data), "Received: one for 3 users and 2 items"),
        (lambda model, data: Trainer(model, data).fit("x"), "`callbacks` must be a list of Keras callbacks. "),
        (lambda model, data: Trainer(model, data).fit([print]), "`callbacks` must be a list of Keras"),
    ],
)  # fmt: skip
def test_what_is_no_model_dataset_or_callback_is_refused_in_a_sentence(sample, wrong, sentence):
    with pytest.raises(InputError) as error:
        wrong(build_gmf(sample.num_users, sample.num_items), sample)
    assert sentence in str(error.value)


def test_only_a_strictly_higher_hit_ratio_is_better(scripted):
    trainer, history = scripted([0.1, 0.1, 0.3, 0.3, 0.2], epochs=4)
    assert trainer.best == Best(1, 0.3, 0.15) and trainer.initial == (0.1, 0.05)
    assert [(one.number, one.hr, one.ndcg, one.loss) for one in trainer.iterations] == [
        (0, 0.1, 0.05, 1.0),
        (1, 0.3, 0.15, 2.0),
        (2, 0.3, 0.15, 3.0),
        (3, 0.2, 0.1, 4.0),
    ]
    assert trainer.engine.epochs == trainer.epochs_done == 4
    assert isinstance(history, keras.callbacks.History) and history.epoch == [0, 1, 2, 3]
    assert set(history.history) == {"loss", "train_seconds", "hr", "ndcg", "evaluation_seconds"}
    assert history.history["hr"] == [0.1, 0.3, 0.3, 0.2] and history.history["loss"] == [1, 2, 3, 4]
    assert trainer.model.history is history
    line = "Iteration 3 [1.2 s]: HR = 0.5000, NDCG = 0.2500, loss = 0.1250 [0.0 s]"
    assert str(Iteration(3, 0.5, 0.25, 0.125, 1.25, 0.04)) == line
    assert repr(trainer).startswith("Trainer(") and len(repr(trainer).splitlines()) == 2


@pytest.mark.parametrize(("hit_ratios", "settings", "epochs", "evaluated", "best"), [
    ([0.5, 0.4, 0.5], {"epochs": 2}, 2, [0, 1], -1),
    ([0.1, 0.2, 0.3], {"epochs": 4, "evaluate_every": 3}, 4, [0, 3], 3),
    ([0.1, 0.2, 0.2, 0.1, 0.9], {"epochs": 9, "patience": 2}, 3, [0, 1, 2], 0),
    ([0.1, 0.2, 0.2, 0.1, 0.9], {"epochs": 9, "patience": 2, "evaluate_every": 2}, 5, [0, 2, 4], 0),
    ([0.1], {"epochs": 0}, 0, [], -1),
])  # fmt: skip
def test_what_ends_a_training_and_what_is_evaluated(scripted, hit_ratios, settings, epochs, evaluated, best):
    trainer, history = scripted(hit_ratios, **settings)
    assert trainer.engine.epochs == epochs and trainer.best.number == best
    assert [one.number for one in trainer.iterations] == evaluated
    assert len(history.history.get("hr", [])) == len(evaluated)


def test_a_resumed_training_has_the_history_of_the_first_and_may_have_more_epochs(scripted, tiny):
    first, _ = scripted([0.1, 0.2, 0.15], epochs=2)
    first.engine.state = lambda: {"counts": np.array([2])}
    arrays, progress = first.state()
    later = Trainer(build_gmf(2, 3, 2), tiny, TrainingSpec(epochs=3, select="test"))
    later.engine, later.evaluate = ScriptedEngine(), lambda: RankingResult(np.array([0.3]), np.array([0.1]))
    later.engine.restore = lambda state: setattr(later.engine, "epochs", int(state["counts"][0]))
    later.restore(arrays, json.loads(json.dumps(progress)))
    assert (later.initial, later.iterations, later.epochs_done) == ((0.1, 0.05), first.iterations, 2)
    history = later.fit()
    assert history.history["hr"] == [0.2, 0.15, 0.3] and history.history["loss"] == [1, 2, 3]
    assert later.best == Best(2, 0.3, 0.1) and history.epoch == [0, 1, 2]


@pytest.mark.parametrize("progress", [
    {},
    {"epochs_done": 1.0, "initial": None, "iterations": []},
    {"epochs_done": True, "initial": None, "iterations": []},
    {"epochs_done": 1, "initial": "ab", "iterations": []},
    {"epochs_done": 1, "initial": [0.1], "iterations": []},
    {"epochs_done": 1, "initial": None, "iterations": [[0, 0.1, 0.1, "0.5", 0.1, 0.1]]},
    {"epochs_done": 1, "initial": None, "iterations": [[0, 0.1]]},
    {"epochs_done": 1, "initial": None, "iterations": 3},
])  # fmt: skip
def test_progress_of_something_else_changes_nothing(tiny, progress):
    trainer = Trainer(build_gmf(2, 3, 2), tiny, TrainingSpec(select="test"))
    with pytest.raises((KeyError, TypeError, ValueError)):
        trainer.restore(trainer.engine.state(), progress)
    assert (trainer.epochs_done, trainer.initial, trainer.iterations) == (0, None, [])


def test_without_pairs_that_select_nothing_is_evaluated_and_the_last_epoch_counts(tiny, shared_programs):
    trainer = Trainer(build_gmf(2, 3, 2), tiny, TrainingSpec(epochs=2, num_neg=0, select="none"))
    history = trainer.fit()
    assert set(history.history) == {"loss", "train_seconds"} and trainer.best == Best(-1, 0.0, 0.0)
    assert trainer.evaluate().hr == trainer.test().hr  # asked for, it is done
    assert int(trainer.model.optimizer.iterations) == 2


@pytest.mark.parametrize(("error", "released"), [(None, 1), (KeyboardInterrupt, 1), (WorkerLost, 0)])
def test_the_other_workers_go_home_at_the_end_unless_one_is_lost(scripted, monkeypatch, error, released):
    calls = []
    monkeypatch.setattr(trainer_module, "release_workers", calls.append)
    if error:
        monkeypatch.setattr(ScriptedEngine, "train_epoch", lambda self, tell: (_ for _ in ()).throw(error()))
        with pytest.raises(error):
            scripted([0.1], epochs=2)
    else:
        scripted([0.1, 0.2], epochs=1)
    assert calls == [None] * released


def test_a_dataset_that_does_not_go_with_the_spec_is_refused(tiny):
    with pytest.raises(InputError, match="must have a user with two interactions"):
        Trainer(build_gmf(2, 3, 2), tiny, TrainingSpec(select="validation"))


@pytest.mark.parametrize(("free", "sentence"), [
    # 2 users and 3 items of 2 factors, a kernel of 2, a bias; in the model, in the engine, and two slots each.
    (4 * 4 * 13 - 1, "`model`, of 13 weights, in training must fit"),
    # An example has two inputs of 1, two embeddings of 2, each flat again, their product, and the prediction.
    (2 * 4 * 13 * 1000 - 1, "a batch of `batch_size` examples must fit"),
])  # fmt: skip
def test_what_does_not_fit_into_the_memory_is_refused_before_an_engine_is_made(
    tiny, monkeypatch, free, sentence
):
    model = build_gmf(2, 3, 2)
    monkeypatch.setattr(memory, "free_memory", lambda: free)
    monkeypatch.setattr(trainer_module, "GuardedEngine", None)
    with pytest.raises(InputError, match=f"^{sentence}"):
        Trainer(model, tiny, TrainingSpec(batch_size=1000))
