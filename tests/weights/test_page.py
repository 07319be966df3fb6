"""docs/weights.md: a model whose layers have other names, from the page's Python to the page's commands."""

import re

import numpy as np

import ncf_keras
from ncf_keras.cli import ncf
from ncf_keras.weights import read_weight_file
from tests.printed_commands import printed_commands
from tests.shared_files import PROJECT


def test_layers_under_other_names_as_the_page_has_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (PROJECT / "docs" / "weights.md").read_text(encoding="utf-8")
    names: dict = {"ncf_keras": ncf_keras}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        if "theirs" in block:
            exec(block, names)
    commands = [command for command in printed_commands() if "theirs.keras" in command.words]
    assert len(commands) == 2
    for command in commands:
        assert ncf.main(list(command.words[1:])) == (2 if command.output[0].startswith("error") else 0)
        assert capsys.readouterr().err.splitlines() == list(command.output)
    assert " ".join(commands[1].words) in commands[0].output[0]
    layers = read_weight_file("theirs.named.h5").layers
    for table, ours in (("table_user", "user_embedding"), ("table_item", "item_embedding")):
        np.testing.assert_array_equal(layers[ours][0], names["theirs"].get_layer(table).get_weights()[0])
        np.testing.assert_array_equal(
            names["named"].get_layer(ours).get_weights()[0], names["theirs"].get_layer(table).get_weights()[0]
        )
