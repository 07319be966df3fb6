"""`ncf tune`: what it prints and leaves, that it goes on, and that the test pairs are ranked once."""

import contextlib
import csv
import io
import json
import re
import shlex

import numpy as np
import pytest

from ncf_keras.base.locks import try_lock
from ncf_keras.baselines import load_baseline
from ncf_keras.cli import tune
from ncf_keras.cli.commands import COMMANDS
from ncf_keras.data import read_dataset
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import model_scores
from ncf_keras.weights import load_model
from tests.small_data import write_random_files


def run(command, *arguments):
    """Run a command in this process; return its exit status, lines and what went to standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = COMMANDS[command].main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
    return status, out.getvalue().splitlines(), err.getvalue()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def flags(directory):
    data = write_random_files(directory)
    return (*data, "--epochs", 2, "--topk", 5, "--out", directory / "found", "--seed", 3)


@pytest.fixture(scope="module")
def searched(directory, flags):
    """A search of EASE, left after one trial and taken up again."""
    first = run("tune", *flags, "--model", "EASE", "--trials", 1)
    return first, run("tune", *flags, "--model", "EASE", "--trials", 3)


def test_a_search_goes_on_where_it_was_left(searched):
    (status, lines, errors), (again, more, others) = searched
    assert status == again == 0
    assert [line.split(" [")[0] for line in lines if " s]: HR@5" in line] == ["Trial 0"]
    assert [line.split(" [")[0] for line in more if re.match(r"Trial \d \[", line)] == ["Trial 1", "Trial 2"]
    assert "has 1 of 3 trials: the search goes on." in others and "goes on" not in errors
    assert any(line.endswith(", the best so far: EASE regularization=1320") for line in lines)


def test_the_table_has_every_trial(searched, directory):
    with (directory / "found.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert {row["model"] for row in rows} == {"EASE"} and rows[0]["regularization"] == "1320.0"
    assert (directory / "found.png").read_bytes().startswith(b"\x89PNG")
    shown = [line.split()[0] for line in searched[1][1] if re.match(r"\d +0\.", line)]
    done = sorted((row for row in rows if row["state"] == "done"), key=lambda row: -float(row["ndcg"]))
    assert shown == [row["trial"] for row in done]


def figures_of(directory, score):
    """Return HR@5 and NDCG@5 of the test pairs, as printed."""
    dataset = read_dataset(directory, "small")
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    result = protocol.evaluate(score, 5)
    return f"HR{{at}} = {result.hr:.4f}, NDCG{{at}} = {result.ndcg:.4f}"


def command_in(lines):
    """Return the arguments of the command that makes the same model again, without `ncf`."""
    (command,) = (line.partition(": ")[2] for line in lines if line.startswith("The same again"))
    program, *arguments = shlex.split(command)
    assert program == "ncf"
    return arguments


def test_the_best_baseline_is_saved_and_made_again_by_the_command_that_is_printed(searched, directory):
    lines = searched[1][1]
    figures = figures_of(directory, load_baseline(directory / "found.npz").score)
    (tested,) = (line for line in lines if "on the test pairs" in line)
    assert figures.format(at="@5") in tested
    status, output, _ = run(*command_in(lines), "--topk", 5, "--save_dir", directory / "again")
    assert status == 0 and figures.format(at="") in "\n".join(output)
    (file,) = (directory / "again").glob("small_EASE_*.npz")
    assert file.read_bytes() == (directory / "found.npz").read_bytes()


def test_the_best_network_is_saved_and_made_again_by_the_command_that_is_printed(
    directory, flags, shared_programs
):
    search = (*flags[:-4], "--out", directory / "network", "--seed", 3, "--model", "GMF", "--trials", 1)
    status, lines, _ = run("tune", *search)
    assert status == 0
    saved = load_model(directory / "network.h5")
    figures = figures_of(directory, model_scores(saved))
    assert figures.format(at="@5") in next(line for line in lines if "on the test pairs" in line)
    status, output, _ = run(*command_in(lines), "--topk", 5, "--save_dir", directory / "network")
    assert status == 0
    assert f"Test of the last iteration: {figures.format(at='')}" in output
    assert not any(line.startswith(("Init", "Iteration")) for line in output)
    (file,) = (directory / "network").glob("small_GMF_*.h5")
    for one, same in zip(load_model(file).get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def test_the_test_pairs_are_ranked_once(searched, flags, directory):
    before = (directory / "found.npz").stat().st_mtime_ns
    status, lines, errors = run("tune", *flags, "--model", "EASE", "--trials", 3)
    assert status == 0 and "Note" not in errors
    assert lines[-2:] == searched[1][1][-2:]
    assert (directory / "found.npz").stat().st_mtime_ns == before


def test_whoever_waits_for_another_process_says_so(tmp_path, capsys, monkeypatch):
    file, other = tmp_path / ".found.lock", contextlib.ExitStack()
    assert other.enter_context(try_lock(file))
    monkeypatch.setattr(tune.time, "sleep", lambda seconds: other.close())
    with tune._one_at_a_time(file), try_lock(file) as locked:
        assert not locked
    assert capsys.readouterr().err == "Another process trains and tests the best: waiting for it.\n"


def test_the_settings_of_a_recipe_are_a_preset(directory, flags, shared_programs):
    settings = {
        "num_factors": 4, "layers": [8, 4], "alpha": 0.5, "mlp_epochs": 1, "mlp_reg_rows": 0.001,
        "mlp_learning_rate": 0.01, "mlp_batch_size": 256, "mlp_num_neg": 2,
        "least_squares": {
            "unobserved_weight": 0.1, "regularization": 0.01, "popularity_exponent": 0, "sweeps": 2,
        },
    }  # fmt: skip
    file = directory / "recipe.json"
    file.write_text(json.dumps(settings))
    preset = (*flags[:4], "--preset", file, "--seed", 1, "--save_dir", directory / "preset")
    status, lines, errors = run("neumf", *preset, "--select", "none")
    assert status == 0 and f"Pre-trained by --preset {file}" in errors
    assert lines[1] == "End. 0 epochs done, none of them evaluated."
    (saved,) = (directory / "preset").iterdir()
    assert saved.name.startswith("small_NeuMF_4_[8,4]_")
    file.write_text(json.dumps({**settings, "alpha": 2}))
    status, _, errors = run("neumf", *preset)
    assert status == 2 and errors.endswith(f"{file}: `alpha` must be between 0 and 1. Received: 2\n")
    for wrong, sentence in (
        ({"mlp_batch_size": 10**400}, f"{file}: `mlp_batch_size` must be at most 2147483647. Received: 1000"),
        (
            {"mlp_num_neg": 2**31 - 1},
            f"In the pre-training by `--preset` {file}: `batch_size` must be at least",
        ),
    ):
        file.write_text(json.dumps({**settings, **wrong}))
        status, _, errors = run("neumf", *preset)
        assert status == 2 and f"error: {sentence}" in errors
    status, _, errors = run("neumf", *flags[:4], "--preset", "")
    assert status == 2 and "`--preset` must be a file that can be read. Received: " in errors
    status, _, errors = run("neumf", *flags[:4], "--preset", directory / "none.json")
    assert status == 2 and "`--preset` must be a file that can be read. Received: " in errors


@pytest.mark.parametrize(("more", "message"), [
    (("--model", "EASE", "--topk", 7), "`--topk` must be as when the search of {found}.sqlite began: 5. "),
    (("--model", "MLP"), "`--model` must be as when the search of {found}.sqlite began: ['EASE']. "),
    (("--model", "SVD"), "argument --model: invalid choice: 'SVD'"),
    (("--out", "{found}.csv/other"), "`--out` must be"),
])  # fmt: skip
def test_what_can_not_be_searched(searched, flags, directory, more, message):
    found = directory / "found"
    status, _, errors = run("tune", *flags, "--trials", 1, *(str(one).format(found=found) for one in more))
    assert status == 2 and message.format(found=found) in errors


@pytest.mark.parametrize("out", ["", ".", "{directory}", "{directory}/new/"])
def test_the_files_must_have_a_name(out, flags, directory):
    status, _, errors = run(
        "tune", *flags, "--model", "EASE", "--trials", 1, "--out", out.format(directory=directory)
    )
    assert status == 2 and "`--out` must end in a name for the files, such as" in errors


def test_a_file_of_something_else_is_not_replaced(flags, directory):
    log = directory / "log.csv"
    log.write_text("user,item\n")
    status, _, errors = run("tune", *flags, "--model", "EASE", "--trials", 1, "--out", directory / "log")
    assert status == 2 and "where there is log.csv and no log.sqlite" in errors
    assert log.read_text() == "user,item\n" and not (directory / "log.sqlite").exists()


def test_a_model_that_was_removed_is_made_again(flags, directory):
    search = (*flags, "--model", "EASE", "--trials", 1, "--out", directory / "removed")
    _, lines, _ = run("tune", *search)
    content = (directory / "removed.npz").read_bytes()
    (directory / "removed.npz").unlink()
    status, again, errors = run("tune", *search)
    assert status == 0 and again[-2:] == lines[-2:] and "Note" not in errors
    assert (directory / "removed.npz").read_bytes() == content
