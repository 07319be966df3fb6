"""What our small callbacks say and do, each told by hand what happens."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest

from ncf_keras.base.interrupts import Interrupted, Interrupts
from ncf_keras.models import build_gmf, build_mlp, build_neumf, model_scores
from ncf_keras.training.callbacks.authors_lines import AuthorsLines
from ncf_keras.training.callbacks.collapse import CollapseNote, explain_collapse, same_score_for_all
from ncf_keras.training.callbacks.share_done import ShareDone
from ncf_keras.training.callbacks.signals import StopOnSignal
from tests.training.callbacks.trainers import trainer


@pytest.mark.parametrize(("file", "pretrained", "sentence"), [
    (None, False, ""),
    (SimpleNamespace(path=None), False, " So none is saved."),
    (SimpleNamespace(path="x.h5"), False, " What is saved is untrained: random weights."),
    (SimpleNamespace(path="x.h5"), True, " What is saved are the pre-trained weights, not trained further."),
])  # fmt: skip
def test_no_better_iteration_is_explained(capsys, file, pretrained, sentence):
    AuthorsLines(trainer(), "NeuMF", file, pretrained).on_train_end()
    out, err = capsys.readouterr()
    saved = ["The best NeuMF model is saved to x.h5"] if file and file.path else []
    assert out.splitlines() == ["End. Best Iteration -1:  HR = 0.1000, NDCG = 0.0500. ", *saved]
    meaning = "Best Iteration -1 is the model before training: no iteration had a higher hit ratio."
    assert err == f"{meaning}{sentence}\n"


def test_the_lines_of_a_run_that_goes_on_begin_with_those_it_had(capsys):
    trained = trainer(iterations=[0.2, 0.3])
    lines = AuthorsLines(trained, "GMF", None)
    lines.on_train_begin({"hr": 0.1, "ndcg": 0.05})
    lines.on_epoch_end(1, {"hr": 0.3})
    lines.on_epoch_end(2, {"loss": 0.3})  # was not evaluated
    lines.on_train_end()
    assert capsys.readouterr().out.splitlines() == [
        "Init: HR = 0.1000, NDCG = 0.0500",
        *map(str, trained.iterations),
        str(trained.iterations[1]),
        "End. Best Iteration 1:  HR = 0.3000, NDCG = 0.1500. ",
    ]


def test_the_share_that_is_done():
    trained, told = trainer(), []
    trained.epochs_done = 10
    ShareDone(trained, told.append).on_train_batch_end(trained.steps_per_epoch - 1)
    assert told == [11 / 20]


def test_a_signal_stops_between_programs_or_after_an_epoch_but_the_last():
    trained, interrupts = trainer(), Interrupts()
    stop = StopOnSignal(trained, interrupts, lambda: "Saved.")
    stop.on_train_batch_end(0)
    stop.on_epoch_end(0)
    interrupts.received = signal.SIGTERM
    stop.on_epoch_end(trained.spec.epochs - 1)
    for hear in (stop.on_train_batch_end, stop.on_epoch_end):
        with pytest.raises(Interrupted, match=r"Saved\.") as raised:
            hear(0)
        assert raised.value.status == 143


def test_a_collapse_is_said_once(capsys):
    trained = trainer()
    trained.model.set_weights([0 * array for array in trained.model.get_weights()])
    note = CollapseNote(trained)
    note.on_epoch_end(0, {"hr": 0.05})  # not low
    note.on_epoch_end(0, {"loss": 0.5})  # not evaluated
    assert capsys.readouterr().err == ""
    for epoch in range(2):
        note.on_epoch_end(epoch, {"hr": 0.04})
    cause = "the learning rate (`--lr`) is likely too large; it is 0.001"
    assert capsys.readouterr().err == f"Note: the model gives all items the same score: {cause}.\n"


def test_equal_scores_are_a_collapse_and_others_are_not():
    scores = np.float32
    assert same_score_for_all(lambda users, items: scores(0 * users), 300, 200)
    assert same_score_for_all(lambda users, items: scores(users), 300, 200)
    assert same_score_for_all(lambda users, items: scores(np.nan * users), 300, 200)
    assert not same_score_for_all(lambda users, items: scores(items), 300, 200)
    assert not same_score_for_all(lambda users, items: scores(users * items > 0), 2, 2)
    assert not same_score_for_all(lambda users, items: scores(0 * users), 2, 1)
    assert not same_score_for_all(model_scores(build_neumf(30, 20, 4, (8, 4), (0, 0))), 30, 20)


def test_a_penalty_is_the_likely_cause_where_there_is_one():
    penalised = build_mlp(30, 20, (8, 4), (0, 10.0))
    assert explain_collapse(penalised, 0.05) == (
        "the L2 penalties (`--regs`, `--reg_layers`, `--reg_mf`) are likely too large; the largest is 10"
    )
    assert explain_collapse(build_gmf(3, 2, 4), 0.05).endswith("is likely too large; it is 0.05")
