"""A run of a network: the same as the training command's, and the same after a kill."""

import json
import shlex

import pytest
from reproduction.runs import command_of, quick_grid
from reproduction.train_network import train_network
from reproduction.worker import Places, do_run, has_weights

from ncf_keras.cli.plot import learning_curves
from ncf_keras.evaluation import LeaveOneOut, hit_ratio, ndcg
from ncf_keras.models import model_scores
from ncf_keras.weights import load_model
from tests.cli.running import run as train

RUN = quick_grid().network("GMF", 8)


class Killed(BaseException):
    """Ends a run at once, as a signal does."""


@pytest.fixture(scope="module")
def killed(sample, tmp_path_factory):
    """The places of a run that was killed in its second epoch."""

    def kill(iteration):
        if iteration.number == 1:
            raise Killed

    places = Places("Data/", *(tmp_path_factory.mktemp(name) for name in ("results", "work")))
    with pytest.raises(Killed):
        do_run(RUN, sample, places, kill)
    assert {path.suffix for path in places.work.iterdir()} == {".checkpoint", ".lock"}
    return places


@pytest.fixture(scope="module")
def whole(killed, sample):
    """The same run after it went on, killed again before its result was written, and at its end."""
    again, documents = [], []

    def kill(path, document):
        documents.append(json.loads(json.dumps(document)))
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("reproduction.worker.write_result", kill)
        with pytest.raises(Killed):
            do_run(RUN, sample, killed, again.append)
    assert [iteration.number for iteration in again] == [1] and not list(killed.results.iterdir())
    assert do_run(RUN, sample, killed, again.append)
    # A kill before the result is written costs no epoch, and the clock's figures are those of before.
    assert len(again) == 1
    found = json.loads((killed.results / f"{RUN.name}.json").read_text())
    assert documents == [found]
    return found


def test_a_killed_run_ends_as_the_command_beside_its_cell(whole, tmp_path):
    program, script, *words = shlex.split(whole["command"])
    assert (program, script) == ("python", "run/GMF.py") and whole["command"] == command_of(RUN)
    done = train("GMF", *words, "--save_dir", tmp_path, "--log_csv", tmp_path / "log.csv")
    assert done.status == 0, done.errors
    lines = [panel.lines[0] for panel in learning_curves([tmp_path / "log.csv"])]
    columns = [lines[0].xs, lines[1].ys, lines[2].ys, lines[0].ys]
    assert list(zip(*columns, strict=True)) == [tuple(row[:4]) for row in whole["iterations"]]
    best = whole["best"]
    assert done.end() == (best["iteration"], round(best["hr"], 4), round(best["ndcg"], 4))


def test_what_is_left_are_the_weights_and_the_positions_of_the_best_iteration(whole, killed, sample):
    assert {path.suffix for path in killed.work.iterdir()} == {".h5", ".options", ".lock"}
    assert has_weights(RUN, killed.work)
    model = load_model(killed.work / f"{RUN.name}.h5")
    protocol = LeaveOneOut(sample.test_users, sample.test_items, sample.test_negatives)
    positions = protocol.positions(model_scores(model))
    assert hit_ratio(positions, 10).mean() == whole["best"]["hr"] == whole["test"]["hr"][-1]
    assert ndcg(positions, 10).mean() == pytest.approx(whole["best"]["ndcg"])
    assert whole["best"]["hr"] == max(row[1] for row in whole["iterations"])


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit_is_not_gone_on_from(sample, tmp_path):
    file, epochs = tmp_path / f"{RUN.name}.checkpoint", []

    def kill(iteration):
        epochs.append(iteration.number)
        if epochs != [0]:
            raise Killed

    for digest in ("digest", "other data", "digest"):
        with pytest.raises(Killed):
            train_network(RUN, sample, digest, tmp_path, kill)
        if digest == "other data":
            file.write_bytes(file.read_bytes()[:-100])
    assert epochs == [0, 1, 0, 0]


def test_weights_that_a_kill_left_without_their_options_do_not_count(tmp_path):
    (tmp_path / f"{RUN.name}.h5").write_bytes(b"new")
    assert not has_weights(RUN, tmp_path)
    (tmp_path / f"{RUN.name}.options").write_text("{")
    assert not has_weights(RUN, tmp_path)
