"""docs/serving.md as a reader would paste it, with the stub where the server would be and a real export."""

import contextlib
import io
import json
import re
import shlex
import urllib.error
import urllib.request

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from ncf_keras.cli import ask, prepare
from ncf_keras.data import read_dataset
from ncf_keras.models import build_neumf
from ncf_keras.serving.export import export_model
from tests.predicting import predict
from tests.serving.client.conftest import WAYS, client_of
from tests.serving.client.stub import running
from tests.shared_files import PROJECT

GUIDE = (PROJECT / "docs" / "serving.md").read_text()
REST = "http://localhost:8501"


def blocks(text, language):
    """Return the fenced blocks of a language, "" for none."""
    found, opened, lines = [], None, []
    for line in text.splitlines():
        if opened is None and line.startswith("```"):
            opened, lines = line[3:], []
        elif line == "```":
            found += ["\n".join(lines) + "\n"] * (opened == language)
            opened = None
        else:
            lines.append(line)
    return found


def dialogues(program):
    """Return (arguments, what was printed) of each command line of a program that the guide shows."""
    found = []
    for block in blocks(GUIDE, ""):
        for turn in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = turn.partition("\n")
            if command.startswith(program):
                found.append((shlex.split(command.removeprefix(program)), printed))
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("guide")
    (rows,) = re.findall(r"^cat > visits.csv <<END\n(.*?)^END$", GUIDE, re.MULTILINE | re.DOTALL)
    (directory / "visits.csv").write_text(rows)
    (command,) = re.findall(r"^python run/prepare.py (.*)$", GUIDE, re.MULTILINE)
    arguments = shlex.split(command.replace("visits.csv", str(directory / "visits.csv")))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert prepare.main([argument.replace("Data/", f"{directory}/") for argument in arguments]) == 0
    dataset = read_dataset(f"{directory}/", "clicks")
    sizes = {"mf_dim": 8, "layers": (64, 32, 16, 8), "reg_layers": (0, 0, 0, 0)}
    model = build_neumf(dataset.num_users, dataset.num_items, **sizes)
    version = export_model(model, dataset, directory / "ncf")
    with running({"ncf": {int(version.name): version}}) as stub:
        stub.model = model
        yield stub


def outline(value):
    """Return what an answer is made of, whatever the model has learnt: names, lengths, kinds."""
    if isinstance(value, dict):
        return {name: outline(one) for name, one in value.items() if name != "error"} or value
    if isinstance(value, list):
        return [outline(one) for one in value]
    return type(value).__name__


@pytest.mark.parametrize(("arguments", "printed"), dialogues("curl "))
def test_a_curl_request(server, arguments, printed):
    silent, url, *rest = arguments
    assert silent == "-s" and url.startswith(REST)
    assert not rest or rest[0] == "-d"
    body = rest[1].encode() if rest else None
    try:
        with urllib.request.urlopen(url.replace(REST, server.rest), body, timeout=60) as response:
            answer = response.read()
    except urllib.error.HTTPError as error:
        with error:
            answer = error.read()
    assert outline(json.loads(answer)) == outline(json.loads(printed))


def test_the_curl_requests_are_all_found():
    assert len(dialogues("curl ")) == 8


@pytest.mark.parametrize(("arguments", "printed"), dialogues("python run/ask.py "))
def test_an_ask_command(server, arguments, printed, capfd):
    assert ask.main([argument.replace(REST, server.rest) for argument in arguments]) == 0
    lines, expected = capfd.readouterr().out.splitlines(), printed.splitlines()
    if "json" in arguments:
        assert outline(json.loads(lines[0])) == outline(json.loads(expected[0]))
    else:
        assert len(lines) == len(expected)
        assert lines[0].split() == expected[0].split()
        # Who was asked about, and what is known of them; the lists depend on the model.
        assert [line.split()[0] for line in lines] == [line.split()[0] for line in expected]


def test_the_ask_commands_are_all_found():
    assert len(dialogues("python run/ask.py ")) == 4


def test_the_python_lines(server, capfd):
    (code,) = blocks(GUIDE, "python")
    names = {}
    exec(code.replace(REST, server.rest), names)
    assert names["lists"].items.shape == (2, 3)
    assert names["named"].known.tolist() == [True, False]
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines()] == names["named"].item_ids[0]


def test_the_known_answers(server):
    """Those that no weights decide: what is popular, what is left out, what is unknown."""
    names = {}
    (code,) = blocks(GUIDE, "python")
    exec(code.replace(REST, server.rest), names)
    assert names["named"].item_ids[1] == ["/docs/start", "/welcome"]
    assert names["named"].scores[1].tolist() == [2, 1]
    assert "/welcome" not in names["named"].item_ids[0]
    assert names["lists"].items[1].tolist()[2] == -1


@pytest.mark.parametrize("way", WAYS)
def test_the_scores_are_those_of_the_model(server, way):
    users, items = np.divmod(np.arange(12, dtype=np.int32), 4)
    expected = predict(server.model, users, items)
    with client_of(server, way) as client:
        np.testing.assert_allclose(client.score(users, items), expected, atol=1e-6)


@pytest.mark.parametrize("text", blocks(GUIDE, "proto"))
def test_a_piece_of_configuration(text):
    model = text_format.Parse(text, ModelConfig())
    assert model.model_version_policy.specific.versions
    assert set(model.version_labels.values()) <= set(model.model_version_policy.specific.versions)


def test_links_within_the_guide_lead_somewhere():
    headings = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (PROJECT / "docs" / target).is_file(), target
