"""The runs of each table and figure, by the paper's section 4."""

import dataclasses
import shlex

import pytest
from reproduction.command import wanted_runs
from reproduction.commands import command_of
from reproduction.grid import TARGETS, Grid, quick_grid
from reproduction.runs import BaselineRun, NetworkRun
from reproduction.worker import Places, from_json, to_json

from ncf_keras.cli.flags import training_parser
from tests.reproduction.small_results import dataset_of

GRID = Grid("ml-1m")
EVERYTHING = GRID.runs(TARGETS)
FACTORS = (8, 16, 32, 64)


def chosen(target, **fields):
    runs = [run for run in GRID.runs([target]) if isinstance(run, NetworkRun)]
    return [run for run in runs if all(getattr(run, name) == value for name, value in fields.items())]


def test_table_2_has_both_neumfs_of_all_factors_and_what_they_start_from():
    runs = GRID.runs(["table2"])
    assert {run.factors for run in chosen("table2", model="NeuMF", pretrained=False)} == set(FACTORS)
    assert {(run.factors, run.learner) for run in chosen("table2", pretrained=True)} == {
        (factors, learner) for factors in FACTORS for learner in ("adam", "sgd")
    }
    assert {(run.model, run.factors) for run in runs if run.model in ("GMF", "MLP")} == {
        (model, factors) for model in ("GMF", "MLP") for factors in FACTORS
    }
    for place, run in enumerate(runs):
        assert all(parent in runs[:place] for parent in run.parents())


def test_tables_3_and_4_have_five_depths_and_the_activations():
    assert GRID.runs(["table3"]) == GRID.runs(["table4"])
    relu = chosen("table3", activation="relu")
    assert {(run.factors, run.depth) for run in relu} == {(f, d) for f in FACTORS for d in range(5)}
    assert {run.activation for run in chosen("table3")} == {"relu", "tanh", "sigmoid", "linear"}


def test_every_cell_of_tables_2_to_4_has_a_run_picked_on_validation_pairs():
    validated = chosen("validation", select="validation")
    for cell in [run for run in chosen("table2") + chosen("table3") if run.activation == "relu"]:
        assert GRID.validated(cell) in validated
        assert GRID.validated(cell).name == cell.name.replace("-seed1", "-validation-seed1")
    for run in validated:
        assert all(parent.select == "validation" for parent in run.parents())


def test_figure_7_has_1_to_10_negatives_with_16_factors():
    runs = chosen("figure7")
    assert {(run.model, run.num_neg) for run in runs} == {
        (model, ratio) for model in ("GMF", "MLP", "NeuMF") for ratio in range(1, 11)
    }
    assert {run.factors for run in runs} == {16}


def test_figure_6_never_stops_early_and_the_other_runs_do():
    assert all(run.patience is None and run.epochs == 50 and run.factors == 8 for run in chosen("figure6"))
    assert len(chosen("figure6")) == 3
    assert all(run.patience == 5 for run in chosen("table2") + chosen("table3") + chosen("figure7"))


@pytest.mark.parametrize(
    ("depth", "factors", "layers"),
    [(3, 8, (64, 32, 16, 8)), (0, 8, (8,)), (1, 16, (32, 16)), (4, 64, (1024, 512, 256, 128, 64))],
)
def test_layers_are_those_of_the_authors_commands(depth, factors, layers):
    assert GRID.network("MLP", factors, depth=depth).layers == layers


def test_every_run_has_a_name_of_its_own_that_is_a_plain_file_name():
    names = [run.name for run in EVERYTHING]
    assert len(set(names)) == len(names) == len(set(EVERYTHING))
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") for name in names
    )


def test_small_factors_come_first():
    factors = [run.factors for run in EVERYTHING]
    assert factors == sorted(factors)


def test_the_command_of_a_model_has_the_options_of_its_run():
    runs = [run for run in EVERYTHING if not command_of(run).startswith("python run/paper.py ")]
    assert runs == [
        run
        for run in EVERYTHING
        if isinstance(run, NetworkRun) and run.activation == "relu" and not run.pretrained
    ]
    for run in runs:
        program, script, *words = shlex.split(command_of(run))
        assert (program, script) == ("python", f"run/{run.model}.py")
        flags = training_parser(run.model).parse_args(words)
        assert (flags.dataset, flags.epochs, flags.patience) == (run.dataset, run.epochs, run.patience)
        assert (flags.num_neg, flags.seed, flags.select) == (run.num_neg, run.seed, run.select)
        assert (flags.lr, flags.learner, flags.batch_size) == (run.learning_rate, run.learner, run.batch_size)
        if run.model != "MLP":
            assert flags.num_factors == run.factors
        if run.model != "GMF":
            assert flags.layers == str(list(run.layers)).replace(" ", "")


@pytest.mark.parametrize(
    "grid",
    [GRID, Grid("ml-1m", seed=7), quick_grid("sample"), dataclasses.replace(quick_grid("sample"), seed=3)],
)
def test_run_paper_does_the_very_run_of_its_command(grid):
    others = [run for run in grid.runs(TARGETS) if command_of(run).startswith("python run/paper.py ")]
    assert any(isinstance(run, BaselineRun) for run in others)
    for run in others:
        words = shlex.split(command_of(run))[2:]
        # The runs that it starts from come first.
        assert wanted_runs(words)[-1] == run


def test_a_run_survives_the_way_to_its_process(tmp_path):
    places = Places("Data/", tmp_path / "results", tmp_path / "work")
    for run in [*EVERYTHING, *quick_grid("sample").runs(TARGETS)]:
        assert from_json(to_json(run, places)) == (run, places)


def test_deeper_and_wider_runs_are_taken_to_cost_more():
    costs = [GRID.network("MLP", 64, depth=depth).cost() for depth in range(5)]
    assert costs == sorted(costs) and len(set(costs)) == 5
    assert GRID.network("GMF", 8, num_neg=8).cost() > GRID.network("GMF", 8).cost()


def test_the_hand_made_dataset_is_one():
    assert dataset_of(3).num_test == 3
