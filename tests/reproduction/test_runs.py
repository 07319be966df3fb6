"""The runs of each table and figure by the paper's section 4, their commands, and the figures of the paper."""

import csv
import shlex
from itertools import product

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


def of(target, *fields, **wanted):
    """Return the values of fields of a target's networks that have the values wanted."""
    runs = [run for run in GRID.runs([target]) if isinstance(run, NetworkRun)]
    found = [run for run in runs if all(getattr(run, name) == value for name, value in wanted.items())]
    return {tuple(getattr(run, name) for name in fields) for run in found} if fields else found


def test_the_tables_and_figures_have_their_runs():
    assert of("table2", "factors", model="NeuMF", pretrained=False) == set(product(FACTORS))
    assert of("table2", "factors", "learner", pretrained=True) == set(product(FACTORS, ("adam", "sgd")))
    for model in ("GMF", "MLP"):
        assert of("table2", "factors", model=model) == set(product(FACTORS))
    runs = GRID.runs(["table2"])
    assert all(parent in runs[:place] for place, run in enumerate(runs) for parent in run.parents())
    assert GRID.runs(["table3"]) == GRID.runs(["table4"]) and GRID.runs(["table1"]) == []
    assert of("table3", "factors", "depth", activation="relu") == set(product(FACTORS, range(5)))
    assert of("table3", "activation") == set(product(("relu", "tanh", "sigmoid", "linear")))
    networks = ("GMF", "MLP", "NeuMF")
    assert of("figure7", "model", "num_neg", "factors") == set(product(networks, range(1, 11), (16,)))
    assert of("figure6", "model", "patience", "epochs", "factors") == set(
        product(networks, (None,), (50,), (8,))
    )
    assert all(of(target, "patience") == {(5,)} for target in ("table2", "table3", "figure7"))
    models = [{run.model for run in GRID.runs([target])} for target in ("figure4", "figure5")]
    assert models[1] - models[0] == {"ItemPop"}


def test_every_cell_of_tables_2_to_4_has_a_run_picked_on_validation_pairs():
    validated = of("validation", select="validation")
    for cell in of("table2") + of("table3", activation="relu"):
        assert GRID.validated(cell) in validated
        assert GRID.validated(cell).name == cell.name.replace("-seed1", "-validation-seed1")
    assert all(parent.select == "validation" for run in validated for parent in run.parents())


@pytest.mark.parametrize(
    ("depth", "factors", "layers"),
    [(3, 8, (64, 32, 16, 8)), (0, 8, (8,)), (1, 16, (32, 16)), (4, 64, (1024, 512, 256, 128, 64))],
)
def test_layers_are_those_of_the_authors_commands(depth, factors, layers):
    assert GRID.network("MLP", factors, depth=depth).layers == layers


def test_names_order_and_costs():
    names = [run.name for run in EVERYTHING]
    assert len(set(names)) == len(names) == len(set(EVERYTHING))
    assert all(name.replace("-", "").isalnum() and name.isascii() for name in names)
    factors = [run.factors for run in EVERYTHING]
    assert factors == sorted(factors)
    costs = [GRID.network("MLP", 64, depth=depth).cost() for depth in range(5)]
    assert costs == sorted(set(costs))
    assert GRID.network("GMF", 8, num_neg=8).cost() > GRID.network("GMF", 8).cost()
    assert all(run_of(run.options()) == run for run in EVERYTHING)


def test_the_command_of_a_model_has_the_options_of_its_run():
    runs = [run for run in EVERYTHING if isinstance(run, NetworkRun)]
    runs = [run for run in runs if run.activation == "relu" and not run.pretrained]
    assert runs == [run for run in EVERYTHING if not command_of(run).startswith("python run/paper.py ")]
    for run in runs:
        program, script, *words = shlex.split(command_of(run))
        assert (program, script) == ("python", f"run/{run.model}.py")
        flags = training_parser(run.model).parse_args(words)
        for name in ("dataset", "epochs", "patience", "num_neg", "seed", "select", "learner", "batch_size"):
            assert getattr(flags, name) == getattr(run, name)
        assert flags.lr == run.learning_rate
        assert run.model == "MLP" or flags.num_factors == run.factors
        assert run.model == "GMF" or flags.layers == str(list(run.layers)).replace(" ", "")


@pytest.mark.parametrize("grid", [GRID, quick_grid(), quick_grid(seed=3)])
def test_run_paper_does_the_very_run_of_its_command(grid):
    others = [run for run in grid.runs(TARGETS) if command_of(run).startswith("python run/paper.py ")]
    assert any(isinstance(run, BaselineRun) for run in others)
    for run in others:
        # The runs that it starts from come first.
        assert wanted_runs(shlex.split(command_of(run))[2:])[-1] == run


@pytest.mark.parametrize(
    "arguments",
    ["all --dataset ml-1m", "table2 table3 table4 validation --dataset pinterest-37k --factors 8,16 "
                            "--validation_factors 8,16"],
)  # fmt: skip
def test_every_run_that_the_pages_are_to_have_has_its_result(arguments):
    runs = wanted_runs(arguments.split())
    assert {run.factors for run in runs} >= {8, 16}
    results = PROJECT / "docs" / "paper" / "runs"
    assert [run.name for run in runs if not (results / run.dataset / f"{run.name}.json").is_file()] == []


def rows(file):
    with shared(f"paper/{file}").open(newline="") as lines:
        return [
            {name: value if name[:2] not in ("hr", "nd") else float(value) for name, value in row.items()}
            for row in csv.DictReader(lines)
        ]


def test_tables_2_to_4_are_the_papers():
    found = rows("paper_tables.csv")
    assert len(found) == 56
    for row in found:
        grid, factors, model = Grid(NAMES[row["dataset"]]), int(row["factors"]), row["model"]
        if model.startswith("MLP-"):
            run = grid.network("MLP", factors, depth=int(model[-1]))
        else:
            run = grid.network("NeuMF", factors) if "without" in model else grid.pretrained(factors, "sgd")
        assert paper_figures(run) == (row["hr_at_10"], row["ndcg_at_10"]), row
    for run in (
        GRID.network("MLP", 8, activation="tanh"), GRID.network("NeuMF", 16, num_neg=5), GRID.network("GMF", 8),
        GRID.baseline("BPR", 8), Grid("sample").network("NeuMF", 8),
    ):  # fmt: skip
        assert paper_figures(run) is None


@pytest.mark.parametrize("title", NAMES)
def test_table_1_and_the_references_are_those_that_were_published(title):
    theirs = [row for row in rows("reference_results.csv") if row["dataset"] == title]
    known = {(row["hr_at_10"], row["ndcg_at_10"]) for row in theirs if "our own" not in row["source"]}
    assert {(reference.hr, reference.ndcg) for reference in REFERENCES[title]} == known
    # The sparsity follows from the counts.
    interactions, items, users, sparsity = STATISTICS[title]
    assert 100 * (1 - interactions / items / users) == pytest.approx(sparsity, abs=0.006)
