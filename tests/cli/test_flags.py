import json
import math

import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flags import (
    number_above,
    parse_numbers,
    parse_training_flags,
    training_parser,
    whole_number,
)

AUTHORS = {
    "path": "Data/", "dataset": "ml-1m", "epochs": 100, "batch_size": 256, "num_neg": 4, "lr": 0.001,
    "learner": "adam", "verbose": 1, "out": 1,
}  # fmt: skip
OF_THE_MODEL = {
    "GMF": {"num_factors": 8, "regs": "[0,0]"},
    "MLP": {"layers": "[64,32,16,8]", "reg_layers": None},
    "NeuMF": {
        "num_factors": 8, "layers": "[64,32,16,8]", "reg_layers": None, "reg_mf": 0, "mf_pretrain": "",
        "mlp_pretrain": "", "alpha": 0.5, "preset": None,
    },
}  # fmt: skip
OURS = {
    "seed": None, "export": None, "select": "test", "engine": "compiled", "sampler": "auto", "step": "auto",
    "strategy": "none", "shards": None,
    "checkpoint_dir": None, "checkpoint_every": 1, "resume": False, "on_nan": "stop", "patience": None,
    "warm_start": None, "warm_ids": None, "features": "none", "identity": "both", "identity_dropout": 0,
    "recent": 0,
    "topk": 10, "save_dir": "pretrain/", "format": "h5", "log_csv": None, "tensorboard": None,
    "no_memory_check": False, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "warmup_steps": 0,
    "lr_decay": "none", "decay_steps": 0, "decay_rate": 0.1, "precision": "float32", "deterministic": False,
}  # fmt: skip


def test_a_preset_gives_way_to_what_is_typed():
    given = parse_training_flags("NeuMF", ["--num_factors", "16", "--preset", "tuned"])
    assert (given.num_factors, given.epochs, given.layers) == (16, 0, "[256,128,64,32]")
    assert given.reg_layers is None  # zeros, as many as there are layers
    assert parse_training_flags("NeuMF", []) == training_parser("NeuMF").parse_args([])


@pytest.mark.parametrize("model", OF_THE_MODEL)
def test_the_flags_and_defaults_are_the_authors_and_ours_and_their_readme_is_understood(model):
    shared = (
        "--dataset ml-1m --epochs 20 --batch_size 256 --lr 0.001 --learner Adam --verbose 1 --out 1 --num_neg 4"
    )
    of_the_model = {
        "GMF": "--num_factors 8 --regs [0,0]",
        "MLP": "--layers [64,32,16,8] --reg_layers [0,0,0,0]",
        "NeuMF": "--num_factors 8 --layers [64,32,16,8] --reg_mf 0 --reg_layers [0,0,0,0]",
    }
    expected = AUTHORS | OF_THE_MODEL[model] | OURS
    assert vars(training_parser(model).parse_args([])) == expected
    flags = vars(training_parser(model).parse_args(f"{shared} {of_the_model[model]}".split()))
    typed = {} if model == "GMF" else {"reg_layers": "[0,0,0,0]"}
    assert flags == expected | {"epochs": 20} | typed


@pytest.mark.parametrize("model", OF_THE_MODEL)
def test_help_names_every_flag(model, capsys):
    with pytest.raises(SystemExit) as end:
        training_parser(model).parse_args(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all(f"--{flag}" in text for flag in AUTHORS | OF_THE_MODEL[model] | OURS)


SIZE, ABOVE = "must be a whole number from 1 to", "must be a number above 0 and at most 3.4e+38"
COUNT = "must be a whole number from {} to 2147483647"


@pytest.mark.parametrize(("model", "arguments", "message"), [
    ("GMF", "--layers [64]", "unrecognized arguments: --layers [64]"),
    ("MLP", "--num_factors 8", "unrecognized arguments: --num_factors 8"),
    ("GMF", "--epoch 3", "unrecognized arguments: --epoch 3"),  # no abbreviations: they change over time
    ("GMF", "--learner adamw", "argument --learner: invalid choice: 'adamw'"),
    ("GMF", "--epochs -1", f"argument --epochs: {COUNT.format(0)}. Received: '-1'"),
    ("GMF", "--epochs 1.5", f"argument --epochs: {COUNT.format(0)}. Received: '1.5'"),
    ("GMF", "--num_neg many", f"argument --num_neg: {COUNT.format(0)}. Received: 'many'"),
    ("GMF", "--batch_size 0", f"argument --batch_size: {SIZE} 2147483647. Received: '0'"),
    ("GMF", f"--batch_size {10**20}", f"argument --batch_size: {SIZE} 2147483647. Received: '{10**20}'"),
    ("GMF", "--num_factors 0", f"argument --num_factors: {SIZE} 65536. Received: '0'"),
    ("GMF", "--num_factors 65537", f"argument --num_factors: {SIZE} 65536. Received: '65537'"),
    ("GMF", "--lr 0", f"argument --lr: {ABOVE}. Received: '0'"),
    ("GMF", "--lr fast", f"argument --lr: {ABOVE}. Received: 'fast'"),
    ("GMF", "--lr nan", f"argument --lr: {ABOVE}. Received: 'nan'"),
    ("GMF", "--lr inf", f"argument --lr: {ABOVE}. Received: 'inf'"),
    ("GMF", "--lr 1e39", f"argument --lr: {ABOVE}. Received: '1e39'"),
    ("GMF", "--epochs 007", f"argument --epochs: {COUNT.format(0)}. Received: '007'"),
    ("GMF", "--epochs 1_0", f"argument --epochs: {COUNT.format(0)}. Received: '1_0'"),
    ("GMF", "--epochs \u0661", f"argument --epochs: {COUNT.format(0)}. Received: '\u0661'"),
    ("GMF", f"--topk {10**30}", f"argument --topk: {COUNT.format(1)}. Received: '{10**30}'"),
    ("NeuMF", "--reg_mf -0.1", "must be a number of at least 0 and at most 3.4e+38. Received: '-0.1'"),
    ("GMF", "--verbose 0", f"argument --verbose: {COUNT.format(1)}. Received: '0'"),
    ("GMF", "--topk 0", f"argument --topk: {COUNT.format(1)}. Received: '0'"),
    ("GMF", "--patience 0", f"argument --patience: {COUNT.format(1)}. Received: '0'"),
    ("GMF", "--seed -1", f"argument --seed: {COUNT.format(0)}. Received: '-1'"),
    ("GMF", "--format pickle", "argument --format: invalid choice: 'pickle'"),
    ("GMF", "--engine jax", "argument --engine: invalid choice: 'jax'"),
    ("GMF", "--beta_1 1", "argument --beta_1: must be a number above 0 and below 1. Received: '1'"),
    ("GMF", "--beta_2 nan", "argument --beta_2: must be a number above 0 and below 1. Received: 'nan'"),
    ("GMF", "--epsilon 0", "--epsilon: must be a number of at least 1e-30 and at most 3.4e+38. Received: '0'"),
    ("GMF", "--decay_rate 2", "--decay_rate: must be a number above 0 and at most 1. Received: '2'"),
    ("GMF", "--lr_decay linear", "argument --lr_decay: invalid choice: 'linear'"),
    ("GMF", "--precision float16", "argument --precision: invalid choice: 'float16'"),
])  # fmt: skip
def test_a_flag_that_breaks_its_rule_is_named(capsys, model, arguments, message):
    with pytest.raises(SystemExit) as end:
        training_parser(model).parse_args(arguments.split())
    assert end.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_numbers_at_the_edge_of_their_range():
    assert whole_number(0)("0") == 0 and whole_number(1)("1") == 1
    assert number_above(0, inclusive=True)("0") == 0
    assert number_above(0, inclusive=False)("1e-300") == 1e-300


# Above them float32 is infinite.
FINITE = st.floats(-3.4e38, 3.4e38)


@given(st.lists(st.integers(-(10**6), 10**6)), st.lists(FINITE | st.integers(-9, 9)))
def test_lists_are_read_as_python_writes_them(whole, values):
    for text in (str(whole), str(whole).replace(" ", ""), f"  {whole}\n"):
        parsed = parse_numbers(text, "--layers", whole=True)
        assert parsed == whole and all(type(value) is int for value in parsed)
    assert parse_numbers(str(values), "--regs", whole=False) == values


ANYTHING = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists)


REFUSED = ("", "[", "64,32", "[64,,32]", "[64,32", "[[64]]", "[true]", "['64']", "{}", "64", "[64*2]", "[6.0]",
           "__import__('os')", "[64,32,1e2]", "[" * 100_000, "[" + "1" * 5000 + "]")  # fmt: skip
REFUSED_FRACTIONS = ("[NaN]", "[-Infinity]", "[1e400]", "[1" + "0" * 400 + "]")


@given(st.text() | ANYTHING.map(json.dumps) | ANYTHING.map(repr), st.booleans())
def test_anything_else_is_refused_by_name(text, whole):
    try:
        values = parse_numbers(text, "--layers", whole)
    except InputError as error:
        assert str(error).startswith("`--layers` must be a list of ")
        assert str(error).endswith(f"Received: {text!r}")
    else:
        assert type(values) is list
        assert all(type(value) is int or (type(value) is float and not whole) for value in values)
        assert all(math.isfinite(value) for value in values)


def test_these_are_refused_and_a_fraction_is_no_whole_number():
    for text, whole in [*((text, True) for text in REFUSED), *((text, False) for text in REFUSED_FRACTIONS)]:
        with pytest.raises(InputError, match=r"`--layers` must be a list of .*numbers, such as"):
            parse_numbers(text, "--layers", whole)
    assert parse_numbers("[64,32,1e2]", "--regs", whole=False) == [64, 32, 100]
