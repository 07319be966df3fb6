"""The results in docs/paper/ are complete: none that the pages are to have is missing."""

import pytest
from reproduction.command import wanted_runs

from tests.shared_files import PROJECT

PAGES = PROJECT / "docs" / "paper"


@pytest.mark.parametrize(
    "arguments",
    [
        ["all", "--dataset", "ml-1m", "--factors", "8,16,32,64", "--validation_factors", "8,16,32,64"],
        [
            *("table2", "table3", "table4", "validation"),
            *("--dataset", "pinterest-37k", "--factors", "8,16", "--validation_factors", "8,16"),
        ],
    ],
    ids=lambda arguments: arguments[arguments.index("--dataset") + 1],
)
def test_every_run_has_its_result(arguments):
    runs = wanted_runs(arguments)
    assert {run.factors for run in runs} - {0} >= {8, 16}
    assert [run.name for run in runs if not (PAGES / "runs" / run.dataset / f"{run.name}.json").is_file()] == []
