"""What may be searched: it begins with the defaults, and what is proposed is understood."""

import dataclasses

import optuna
import pytest

from ncf_keras import baselines
from ncf_keras.cli.flags import training_parser
from ncf_keras.training.tuned import TUNED
from ncf_keras.tuning import SPACES, candidate_of
from ncf_keras.tuning.recipes import recipe_of
from ncf_keras.tuning.spaces import Between


@pytest.mark.parametrize("model", SPACES)
def test_the_first_settings_are_allowed_ones(model):
    space = SPACES[model]
    for settings in space.first:
        assert list(settings) == list(space.ranges)
        for name, each in space.ranges.items():
            first = settings[name]
            assert each.low <= first <= each.high if isinstance(each, Between) else first in each.values


@pytest.mark.parametrize("kind", ["GMF", "MLP", "NeuMF"])
def test_a_network_begins_with_the_defaults_of_its_command(kind):
    defaults = vars(training_parser(kind).parse_args([]))
    (first,) = map(dict, SPACES[kind].first)
    assert first.pop("reg") == 0
    assert first == {name: defaults[name] for name in first}


def test_the_recipe_begins_with_the_preset_but_for_a_smaller_mlp():
    found = {"mlp_epochs": TUNED.mlp_epochs, "alpha": TUNED.alpha}
    smaller = {"layers": (128, 64, 32, 16), "mlp_learning_rate": 0.002, "mlp_batch_size": 1024}
    assert recipe_of({**SPACES["tuned"].first[0], **found}) == dataclasses.replace(TUNED, **smaller)


@pytest.mark.parametrize("name", ["ItemKNN", "EASE", "IALS", "DotProduct", "EALS", "BPR"])
def test_a_baseline_begins_with_the_defaults_of_its_class(name):
    kind = getattr(baselines, name)
    defaults = {each.name: each.default for each in dataclasses.fields(kind)}
    first = SPACES[name].first[0]
    assert first == {setting: defaults[setting] for setting in first}


@pytest.mark.parametrize("model", SPACES)
def test_the_flags_of_what_is_proposed_are_understood(model):
    """Of each kind of command, the parser takes what the candidate prints."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(20):
        settings = SPACES[model].suggest(study.ask(), model)
        found = {"epochs": 3} if model in ("GMF", "MLP", "NeuMF") else {}
        command, *flags = candidate_of(model).flags({**settings, **found}, 7, "settings.json")
        if command == "baseline":
            name, *flags = flags
            values = dict(zip(flags[::2], flags[1::2], strict=True))
            kinds = {each.name: type(each.default) for each in dataclasses.fields(getattr(baselines, name))}
            typed = {flag[2:]: kinds[flag[2:]](text) for flag, text in values.items()}
            assert typed == {**settings, **({"seed": 7} if "seed" in kinds else {})}
        else:
            kind = {"gmf": "GMF", "mlp": "MLP", "neumf": "NeuMF"}[command]
            parsed = vars(training_parser(kind).parse_args(flags))
            assert parsed["seed"] == 7
            wanted = {"preset": "settings.json"} if model == "tuned" else {**settings, **found}
            for name in wanted.keys() - {"reg"}:
                assert parsed[name] == wanted[name]
