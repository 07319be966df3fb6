"""`ncf browse`: its page until Ctrl-C, and one sentence about a mistake."""

import contextlib
import io
import os
import re
import signal
import socket
import sys
import threading

import pytest
import requests

from ncf_keras.baselines.loading import BASELINES
from ncf_keras.cli.browse import main
from ncf_keras.cli.saved_model import newest_saved
from ncf_keras.weights import save_weights
from tests.small_data import NUM_ITEMS, NUM_USERS, write_random_files
from tests.weights.small_models import small_model


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browse")
    save_weights(small_model("GMF", NUM_USERS, NUM_ITEMS), folder / "GMF.h5")
    return ("--weights", str(folder / "GMF.h5"), *write_random_files(folder), "--port", "0")


class Visitor(io.StringIO):
    """Standard output that visits the page whose address is printed, and then presses Ctrl-C."""

    answers = None

    def write(self, text):
        found = re.search(r"http://127\.0\.0\.1:\d+/", text)
        if found:
            threading.Thread(target=self._visit, args=(found[0],)).start()
        return super().write(text)

    def _visit(self, address):
        try:
            self.answers = [requests.get(address + path, timeout=30) for path in ("", "api/user?user=3&k=4")]
        finally:
            os.kill(os.getpid(), signal.SIGINT)


def test_the_page_is_there_until_ctrl_c(flags):
    errors = io.StringIO()
    with contextlib.redirect_stdout(Visitor()) as visitor, contextlib.redirect_stderr(errors):
        status = main(flags)
    assert (status, errors.getvalue()) == (130, "Interrupted.\n")
    page, answer = visitor.answers
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert len(answer.json()["list"]) == 4
    lines = visitor.getvalue().splitlines()
    assert len(lines) == 2 and lines[0].startswith("Load data done")
    assert re.fullmatch(r"The lists of .*GMF\.h5 are shown at http://127\.0\.0\.1:\d+/ until Ctrl-C", lines[1])


def test_without_flags_it_is_the_newest_model_that_a_run_has_saved(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert failed(capsys).endswith("unless a run has saved a model to pretrain/. Received: none")
    (tmp_path / "pretrain").mkdir()
    names = ("clicks_GMF_8_1795427361.h5", "my_MLP_data_NeuMF_8_[8,4]_1795427362.keras", "ml-1m_GMF_8.h5")
    for age, name in enumerate(reversed(names)):
        (tmp_path / "pretrain" / name).touch()
        os.utime(tmp_path / "pretrain" / name, (age, age))
    os.utime(tmp_path / "pretrain/ml-1m_GMF_8.h5", (9, 9))
    assert newest_saved("pretrain", None) == ("pretrain/clicks_GMF_8_1795427361.h5", "clicks")
    for number, name in enumerate(BASELINES):
        baseline = (
            f"pretrain/a_EASE_{name}_6_1795427363.npz"
            if hasattr(BASELINES[name], "factors")
            else (f"pretrain/a_EASE_{name}_1795427363.npz")
        )
        (tmp_path / baseline).touch()
        os.utime(tmp_path / baseline, (20 + number, 20 + number))
        assert newest_saved("pretrain", None) == (baseline, "a_EASE")
        (tmp_path / baseline).unlink()
    assert newest_saved("pretrain", "my_MLP_data")[0].endswith("[8,4]_1795427362.keras")
    assert failed(capsys, "--dataset", "other").endswith("a model of other to pretrain/. Received: none")
    # A file that a run has not named is not taken for its model.
    assert "Data/clicks.train.rating" in failed(capsys, "--port", 0)


def failed(capsys, *arguments):
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as end:
        status = end.code
    assert status == 2
    (*_, line) = capsys.readouterr().err.splitlines()
    return line


def test_a_port_that_is_taken_is_named_before_anything_is_read(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = failed(capsys, "--weights", "none.h5", "--dataset", "none", "--port", port)
    rule = "error: `--port` must be a port of 127.0.0.1 that is free, or 0 for any that is. Received: "
    assert line == f"{rule}{port} (Address already in use)"


def test_a_model_of_other_sizes_is_refused(flags, tmp_path, capsys):
    save_weights(small_model("GMF", NUM_USERS, NUM_ITEMS + 1), tmp_path / "other.h5")
    line = failed(capsys, *flags, "--weights", tmp_path / "other.h5")
    assert line.startswith("error: `--weights` must be of a model for the 20 users and 30 items of small.")


def test_a_model_that_diverged_is_refused(flags, tmp_path, capsys):
    model = small_model("GMF", NUM_USERS, NUM_ITEMS)
    # Products that are infinite, some above and some below 0, have no sum.
    for layer, factor in (("user_embedding", 1e30), ("item_embedding", 1e10)):
        model.get_layer(layer).set_weights([factor * model.get_layer(layer).get_weights()[0]])
    save_weights(model, tmp_path / "diverged.h5")
    line = failed(capsys, *flags, "--weights", tmp_path / "diverged.h5")
    assert line.startswith("error: The model must give finite scores.")


def test_a_library_that_is_missing_is_named_with_its_extra(flags, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "ncf_keras.browsing.server", raising=False)
    line = failed(capsys, *flags)
    assert line.startswith("error: The page must have starlette and uvicorn: pip install 'ncf-keras[browse]'.")
    assert "uvicorn" in line.partition("Received")[2]


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--weights", "x.h5", "--port", "65536"], "argument --port: must be a whole number from 0 to 65535."),
    (["--weights", "x.h5", "--host", "0.0.0.0"], "unrecognized arguments: --host 0.0.0.0"),
])  # fmt: skip
def test_a_mistake_on_the_command_line_is_one_sentence(arguments, sentence, capsys):
    assert sentence in failed(capsys, *arguments)
