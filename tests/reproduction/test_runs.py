"""The runs of each table and figure by the paper's section 4, their commands, and the figures of the paper."""

import csv
import shlex

import pytest
from reproduction.command import wanted_runs
from reproduction.published import REFERENCES, STATISTICS, paper_figures
from reproduction.runs import TARGETS, BaselineRun, Grid, NetworkRun, command_of, quick_grid, run_of

from ncf_keras.cli.flags import training_parser
from tests.shared_files import PROJECT, shared

GRID = Grid("ml-1m")
EVERYTHING = GRID.runs(TARGETS)
FACTORS = (8, 16, 32, 64)
NAMES = {"MovieLens": "ml-1m", "Pinterest": "pinterest-37k"}


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
    assert all(parent.select == "validation" for run in validated for parent in run.parents())


def test_the_figures_have_their_runs():
    assert {(run.model, run.num_neg, run.factors) for run in chosen("figure7")} == {
        (model, ratio, 16) for model in ("GMF", "MLP", "NeuMF") for ratio in range(1, 11)
    }
    assert {(run.model, run.patience, run.epochs, run.factors) for run in chosen("figure6")} == {
        (model, None, 50, 8) for model in ("GMF", "MLP", "NeuMF")
    }
    assert all(run.patience == 5 for run in chosen("table2") + chosen("table3") + chosen("figure7"))
    assert {run.model for run in GRID.runs(["figure5"])} - {run.model for run in GRID.runs(["figure4"])} == {
        "ItemPop"
    }
    assert GRID.runs(["table1"]) == []


@pytest.mark.parametrize(
    ("depth", "factors", "layers"),
    [(3, 8, (64, 32, 16, 8)), (0, 8, (8,)), (1, 16, (32, 16)), (4, 64, (1024, 512, 256, 128, 64))],
)
def test_layers_are_those_of_the_authors_commands(depth, factors, layers):
    assert GRID.network("MLP", factors, depth=depth).layers == layers


def test_every_run_has_a_name_of_its_own_that_is_a_plain_file_name():
    names = [run.name for run in EVERYTHING]
    assert len(set(names)) == len(names) == len(set(EVERYTHING))
    assert all(name.replace("-", "").isalnum() and name.isascii() for name in names)


def test_small_factors_come_first_and_what_costs_more_is_taken_to():
    factors = [run.factors for run in EVERYTHING]
    assert factors == sorted(factors)
    costs = [GRID.network("MLP", 64, depth=depth).cost() for depth in range(5)]
    assert costs == sorted(costs) and len(set(costs)) == 5
    assert GRID.network("GMF", 8, num_neg=8).cost() > GRID.network("GMF", 8).cost()
    assert all(run_of(run.options()) == run for run in EVERYTHING)


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


@pytest.mark.parametrize("grid", [GRID, Grid("ml-1m", seed=7), quick_grid(), quick_grid(seed=3)])
def test_run_paper_does_the_very_run_of_its_command(grid):
    others = [run for run in grid.runs(TARGETS) if command_of(run).startswith("python run/paper.py ")]
    assert any(isinstance(run, BaselineRun) for run in others)
    for run in others:
        # The runs that it starts from come first.
        assert wanted_runs(shlex.split(command_of(run))[2:])[-1] == run


@pytest.mark.parametrize(
    "arguments",
    [["all", "--dataset", "ml-1m"], ["table2", "table3", "table4", "validation", "--dataset", "pinterest-37k",
                                     "--factors", "8,16", "--validation_factors", "8,16"]],
)  # fmt: skip
def test_every_run_that_the_pages_are_to_have_has_its_result(arguments):
    runs = wanted_runs(arguments)
    assert {run.factors for run in runs} >= {8, 16}
    results = PROJECT / "docs" / "paper" / "runs"
    assert [run.name for run in runs if not (results / run.dataset / f"{run.name}.json").is_file()] == []


def rows(file):
    with shared(f"paper/{file}").open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_tables_2_to_4_are_the_papers():
    found = rows("paper_tables.csv")
    assert len(found) == 56
    for row in found:
        grid, factors, model = Grid(NAMES[row["dataset"]]), int(row["factors"]), row["model"]
        if model.startswith("MLP-"):
            run = grid.network("MLP", factors, depth=int(model[-1]))
        else:
            run = grid.network("NeuMF", factors) if "without" in model else grid.pretrained(factors, "sgd")
        assert paper_figures(run) == (float(row["hr_at_10"]), float(row["ndcg_at_10"])), row


def test_the_references_are_those_that_were_published():
    for title in NAMES:
        known = {
            (float(row["hr_at_10"]), float(row["ndcg_at_10"]))
            for row in rows("reference_results.csv")
            if row["dataset"] == title and "our own" not in row["source"]
        }
        assert {(reference.hr, reference.ndcg) for reference in REFERENCES[title]} == known


@pytest.mark.parametrize("title", NAMES)
def test_the_sparsity_of_table_1_follows_from_its_counts(title):
    interactions, items, users, sparsity = STATISTICS[title]
    assert 100 * (1 - interactions / items / users) == pytest.approx(sparsity, abs=0.006)


@pytest.mark.parametrize(
    "run",
    [GRID.network("MLP", 8, activation="tanh"), GRID.network("NeuMF", 16, num_neg=5), GRID.network("GMF", 8),
     GRID.baseline("BPR", 8), Grid("sample").network("NeuMF", 8)],
)  # fmt: skip
def test_the_paper_has_no_figure_for_other_settings(run):
    assert paper_figures(run) is None
