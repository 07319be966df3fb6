"""docs/serving.md as a reader would paste it, with the stub where the server would be and a real export."""

import json
import re
import shlex

import numpy as np
import pytest
import requests
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from ncf_keras.cli import ask, prepare
from ncf_keras.data import read_dataset
from ncf_keras.models import build_neumf
from ncf_keras.serving.export import export_model
from tests.predicting import predict
from tests.serving.client.conftest import client_of
from tests.serving.client.stub import SavedModel, running
from tests.shared_files import PROJECT

GUIDE = (PROJECT / "docs" / "serving.md").read_text()
REST = "http://localhost:8501"


def blocks(language):
    """Return the fenced blocks of a language, "" for none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [text for opened, text in found if opened == language]


def dialogues(program):
    """Return (arguments, what was printed) of each command line of a program that the guide shows."""
    turns = [turn.partition("\n") for block in blocks("") for turn in re.split(r"^\$ ", block, flags=re.M)[1:]]
    return [
        (shlex.split(command.removeprefix(program)), printed)
        for command, _, printed in turns
        if command.startswith(program)
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("guide")
    (rows,) = re.findall(r"^cat > visits.csv <<END\n(.*?)^END$", GUIDE, re.MULTILINE | re.DOTALL)
    (directory / "visits.csv").write_text(rows)
    (command,) = re.findall(r"^ncf prepare (.*)$", GUIDE, re.MULTILINE)
    arguments = shlex.split(command.replace("visits.csv", str(directory / "visits.csv")))
    assert prepare.main([argument.replace("Data/", f"{directory}/") for argument in arguments]) == 0
    dataset = read_dataset(f"{directory}/", "clicks")
    model = build_neumf(dataset.num_users, dataset.num_items, mf_dim=8, layers=(8, 4), reg_layers=(0, 0))
    version = export_model(model, dataset, directory / "ncf")
    with running({"ncf": {int(version.name): SavedModel(version)}}) as stub:
        stub.model = model
        yield stub


def outline(value):
    """Return what an answer is made of, whatever the model has learnt: names, lengths, kinds."""
    if isinstance(value, dict):
        return {name: outline(one) for name, one in value.items() if name != "error"} or value
    return [outline(one) for one in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize(("arguments", "printed"), dialogues("curl "))
def test_a_curl_request(server, arguments, printed):
    silent, url, *data = arguments
    assert silent == "-s" and url.startswith(REST) and data[:1] in ([], ["-d"])
    with requests.request(
        "POST" if data else "GET", url.replace(REST, server.rest), data="".join(data[1:]).encode(), timeout=60
    ) as answer:
        assert outline(answer.json()) == outline(json.loads(printed))


@pytest.mark.parametrize(("arguments", "printed"), dialogues("ncf ask "))
def test_an_ask_command(server, arguments, printed, capfd):
    assert ask.main([argument.replace(REST, server.rest) for argument in arguments]) == 0
    lines, expected = capfd.readouterr().out.splitlines(), printed.splitlines()
    if "json" in arguments:
        assert outline(json.loads(lines[0])) == outline(json.loads(expected[0]))
    else:
        assert lines[0].split() == expected[0].split()
        # Who was asked about, and what is known of them; the lists depend on the model.
        assert [line.split()[0] for line in lines] == [line.split()[0] for line in expected]


def test_the_python_lines(server, capfd):
    assert (len(dialogues("curl ")), len(dialogues("ncf ask "))) == (9, 4)
    (code,) = blocks("python")
    names = {}
    exec(code.replace(REST, server.rest), names)
    lists, named = names["lists"], names["named"]
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines()] == named.item_ids[0]
    # What no weights decide: what is popular, what is left out, what is unknown.
    assert lists.items.shape == (2, 3) and lists.items[1, 2] == -1
    assert named.known.tolist() == [True, False] and named.scores[1].tolist() == [2, 1]
    assert named.item_ids[1] == ["/docs/start", "/welcome"] and "/welcome" not in named.item_ids[0]


def test_the_scores_are_those_of_the_model(server, way):
    users, items = np.divmod(np.arange(12, dtype=np.int32), 4)
    with client_of(server, way) as client:
        scores = client.score(users, items)
    np.testing.assert_allclose(scores, predict(server.model, users, items), atol=1e-6)


def test_links_and_pieces_of_configuration():
    for text in blocks("proto"):
        model = text_format.Parse(text, ModelConfig())
        versions = set(model.model_version_policy.specific.versions)
        assert versions and set(model.version_labels.values()) <= versions
    headings = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (PROJECT / "docs" / target.partition("#")[0]).is_file(), target
