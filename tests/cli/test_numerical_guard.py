"""A run whose numbers go wrong says so and names the flag."""

import pytest

from tests.cli.running import run
from tests.small_data import write_random_files


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    flags = write_random_files(tmp_path_factory.mktemp("small"))
    sizes = ("--batch_size", 16, "--num_factors", 4, "--regs", "[10,10]")
    return (*flags, "--seed", 3, *sizes, "--learner", "sgd", "--out", 0)


def test_a_rate_that_is_too_large_stops_with_a_sentence(data):
    result = run("GMF", *data, "--lr", 1e30)
    assert result.status == 2 and len(result.errors.splitlines()) == 1
    assert "the learning rate (`--lr`) or the L2 penalties" in result.errors
    assert result.errors.endswith("Received: 1e+30 and 10\n")


def test_reloading_goes_on_with_half_the_rate(data):
    # With a rate of 0.6 and a penalty of 10 every step multiplies the embeddings by 1 - 2 * 6 = -11: past
    # float32 in an epoch of 38 steps. Halved three times, the factor is -0.5 and they shrink.
    result = run("GMF", *data, "--lr", 0.6, "--epochs", 2, "--on_nan", "reload")
    assert result.status == 0 and len(result.iterations()) == 2
    halved = [line for line in result.errors.splitlines() if "halved to" in line]
    assert [line.split()[-1] for line in halved] == ["0.3", "0.15", "0.075"]


def test_a_collapse_is_said_once_and_explained(data):
    result = run("GMF", *data, "--epochs", 3, "--lr", 0.05)
    assert result.status == 0
    notes = [line for line in result.errors.splitlines() if line.startswith("Note: the model gives all items")]
    assert len(notes) == 1 and "`--regs`" in notes[0] and notes[0].endswith("the largest is 10.")
