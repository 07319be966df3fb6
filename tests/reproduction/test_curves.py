"""Learning curves: what is read from logs, and which logs are refused."""

import pytest
from ncf_keras.cli.run_log import COLUMNS, RunLog
from ncf_keras.training.loop import Iteration
from reproduction.curves import learning_curves

from ncf_keras.base.errors import InputError

HEADER = ",".join(COLUMNS)


def log(path, *iterations):
    with RunLog(str(path), None) as file:
        for iteration in iterations:
            file.write(iteration)
    return path


def test_each_log_is_a_line_of_loss_hr_and_ndcg(tmp_path):
    first = log(
        tmp_path / "a.csv", Iteration(0, 0.25, 0.125, 0.5, 1.0, 0.1), Iteration(1, 0.5, 0.375, 0.4, 1.0, 0.1)
    )
    second = log(tmp_path / "b.csv", Iteration(2, 0.75, 0.5, 0.3, 1.0, 0.1))
    loss, hr, ndcg = learning_curves([first, second])
    assert [(line.label, line.xs, line.ys) for line in loss.lines] == [
        ("a", [0, 1], [0.5, 0.4]),
        ("b", [2], [0.3]),
    ]
    assert [line.ys for line in hr.lines] == [[0.25, 0.5], [0.75]]
    assert [line.ys for line in ndcg.lines] == [[0.125, 0.375], [0.5]]
    assert (loss.x_label, hr.y_label, ndcg.y_label) == ("Iteration", "HR", "NDCG")


def test_logs_of_one_name_are_told_apart_by_their_paths(tmp_path):
    paths = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        paths.append(log(tmp_path / folder / "run.csv", Iteration(0, 0.25, 0.125, 0.5, 1.0, 0.1)))
    assert [line.label for line in learning_curves(paths)[0].lines] == [str(path) for path in paths]


def test_a_diverged_loss_is_no_mistake(tmp_path):
    path = log(tmp_path / "a.csv", Iteration(0, 0.1, 0.1, float("nan"), 1.0, 0.1))
    assert learning_curves([path])[0].lines[0].xs == [0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the header must have"),
        ("epoch,hr\n1,2\n", "without iteration, loss, ndcg"),
        (f"{HEADER}\n", "must have a row"),
        (
            f"{HEADER}\n0,0.5,0.5,0.5,1,1\n1,0.5,much,0.5,1,1\n",
            "line 3: ndcg must be a number from 0 to 1. Received: 'much'",
        ),
        (f"{HEADER}\n0,0.5\n", "line 2: loss must be a number from -1e+300 to 1e+300, or nan. Received: ''"),
        (f"{HEADER}\n0,nan,0.5,0.5,1,1\n", "line 2: hr must be a number from 0 to 1. Received: 'nan'"),
        (f"{HEADER}\n0,-5,0.5,0.5,1,1\n", "line 2: hr must be a number from 0 to 1. Received: '-5'"),
        (f"{HEADER}\n0,inf,0.5,0.5,1,1\n", "line 2: hr must be a number from 0 to 1. Received: 'inf'"),
        (f"{HEADER}\n0,0.5,1.5,0.5,1,1\n", "line 2: ndcg must be a number from 0 to 1. Received: '1.5'"),
        (f"{HEADER}\n0,0.5,0.5,inf,1,1\n", "line 2: loss must be a number from .* Received: 'inf'"),
        (f"{HEADER}\n0,0.5,0.5,1e308,1,1\n", "line 2: loss must be a number from .* Received: '1e308'"),
        (f"{HEADER}\n0.5,0.5,0.5,0.5,1,1\n", "line 2: iteration must be a whole number.* Received: '0.5'"),
        (f"{HEADER}\ninf,0.5,0.5,0.5,1,1\n", "line 2: iteration must be a whole number.* Received: 'inf'"),
        (f"{HEADER}\n1e308,0.5,0.5,0.5,1,1\n", "line 2: iteration must be a whole number.* Received: '1e308'"),
        (f"{HEADER}\n-1,0.5,0.5,0.5,1,1\n", "line 2: iteration must be a whole number.* Received: '-1'"),
        (f'{HEADER},a\n0,0.5,0.5,0.5,1,1,"x\n"\n1,2,0,0,1,1,\n', "line 4: hr must be"),
        ("iteration,hr,ndcg,loss,hr\n0,0,0,0,0\n", "line 1: the header .* once.* with hr more than once"),
        ('"' + "x" * 200_000, "must be a CSV"),
    ],
)
def test_a_wrong_log_is_refused_with_its_line(tmp_path, text, problem):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=problem.replace("+", r"\+")) as error:
        learning_curves([path])
    assert str(path) in str(error.value)


def test_a_missing_log_and_one_given_twice_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        learning_curves([tmp_path / "a.csv"])
    path = log(tmp_path / "b.csv", Iteration(0, 0.1, 0.1, 0.5, 1.0, 0.1))
    with pytest.raises(InputError, match="must be different files"):
        learning_curves([path, path])
