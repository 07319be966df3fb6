"""The settings of a recipe in a file."""

import dataclasses
import json

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.training.recipe_file import read_recipe, recipe_text
from ncf_keras.training.tuned import TUNED

WRITTEN = {
    "num_factors": 192, "layers": [256, 128, 64, 32], "alpha": 0.9,
    "least_squares": {
        "unobserved_weight": 0.25, "regularization": 0.007, "popularity_exponent": 0.1, "sweeps": 12,
        "penalty_exponent": 1.0,
    },
    "mlp_epochs": 8, "mlp_reg_rows": 0.0003, "mlp_learning_rate": 0.001, "mlp_batch_size": 256,
    "mlp_num_neg": 4,
}  # fmt: skip


def test_the_file_has_each_setting_by_its_name(tmp_path):
    assert json.loads(recipe_text(TUNED)) == WRITTEN
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**WRITTEN, "alpha": 0.25}))
    assert read_recipe(file) == dataclasses.replace(TUNED, alpha=0.25)


def test_a_file_of_an_earlier_version_lacks_the_penalty_exponent(tmp_path):
    file, earlier = tmp_path / "settings.json", dict(WRITTEN["least_squares"])
    assert earlier.pop("penalty_exponent") == 1
    file.write_text(json.dumps({**WRITTEN, "least_squares": earlier}))
    assert read_recipe(file) == TUNED


@pytest.mark.parametrize(("change", "message"), [
    ({"alpha": 1.5}, "`alpha` must be between 0 and 1. Received: 1.5"),
    ({"alpha": "1"}, "`alpha` must be a finite number of at least 0. Received: '1'"),
    ({"num_factors": 0}, "`num_factors` must be a whole number of at least 1. Received: 0"),
    ({"layers": [3]}, "`layers` must begin with an even width"),
    ({"layers": "[4]"}, "`layers` must be a list of widths. Received: '.4.'"),
    ({"mlp_learning_rate": 0}, "`mlp_learning_rate` must be a finite number above 0. Received: 0"),
    ({"surprise": 1}, "settings must be num_factors, .*Received: .*'surprise'"),
    ({"least_squares": {}}, "settings must be unobserved_weight, .*Received: .."),
    ({"least_squares": 3}, "settings must be unobserved_weight, .*Received: 3"),
    ({"least_squares": {**WRITTEN["least_squares"], "sweeps": 0}}, "`sweeps` must be a whole number"),
])  # fmt: skip
def test_what_breaks_a_rule_is_named_with_the_file(change, message, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(WRITTEN | change))
    with pytest.raises(InputError, match=f"settings.json: .*{message}"):
        read_recipe(file)


@pytest.mark.parametrize("content", ["", "[1]", "{", "[" * 70_000, '"' + "a" * 70_000 + '"'])
def test_what_is_no_recipe_at_all(content, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(content)
    with pytest.raises(InputError, match="`--preset` must be a JSON file with the settings of a recipe"):
        read_recipe(file, "`--preset`")
