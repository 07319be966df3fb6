import pytest

from tests.experiments.test_fold_in import load


@pytest.mark.slow
def test_every_contender_learns_on_the_sample(capsys):
    assert load("other_models").main(["--dataset", "sample", "--epochs", "1"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if "|" in line][2:]
    assert len({tuple(row[:2]) for row in rows}) == len(rows) == 9
    # Of 100 items in random order, 10 are among the first 10.
    pairwise = [float(hr) for _, how, hr, _, _ in rows if how.startswith("pairwise")]
    assert min(pairwise) > 0.2
    assert all(0 <= float(row[3]) <= float(row[2]) <= 1 for row in rows)
