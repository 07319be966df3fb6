"""Whatever it is given, a reader returns something whole or raises InputError, and opens nothing else.

The long mode, over 100,000 inputs in all: `python -m pytest -m slow tests/fuzz`; docs/reliability.md has its
outcome.
"""

import contextlib
import io
import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ncf_keras.base.errors import InputError
from tests.fuzz.mutations import damaged
from tests.fuzz.readers import READERS
from tests.fuzz.watch import Watch

FEW, MANY = 20, 8_000
CALM = settings(
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much,
                           HealthCheck.large_base_example),
    phases=(Phase.generate, Phase.shrink), database=None,
)  # fmt: skip


@pytest.fixture(scope="module")
def watch():
    return Watch()


def read_or_refuse(reader, content, place, watch):
    """Return whether `reader` takes `content`; it may refuse, and do nothing else."""
    silent = io.StringIO()
    with contextlib.redirect_stderr(silent), contextlib.redirect_stdout(silent), watch.only_opens(place):
        try:
            reader.read(content, place)
        except InputError as error:
            assert 0 < len(str(error).splitlines()) <= 2
            return False
        except SystemExit as end:
            assert end.code in (0, 2)  # argparse: --help and mistakes
            return False
    return True


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", READERS)
def test_damaged_inputs(name, examples, tmp_path, watch):
    reader = READERS[name]
    wholes = reader.wholes(tmp_path)
    taken = [read_or_refuse(reader, whole, tmp_path, watch) for whole in wholes]
    assert all(taken), "a whole input is taken"
    counts = [0, 0]

    @settings(CALM, max_examples=examples)
    @given(content=damaged(wholes))
    def check(content):
        counts[read_or_refuse(reader, content, tmp_path, watch)] += 1

    check()
    refused, taken = counts
    print(f"{name}: {refused + taken:,} inputs, {refused:,} refused, {taken:,} read")
    assert refused + taken >= examples and refused


def test_the_long_mode_covers_what_was_promised():
    assert MANY * len(READERS) >= 100_000


def test_an_open_elsewhere_is_seen(watch, tmp_path):
    (tmp_path / "in").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    with watch.only_opens(tmp_path / "in"):
        (tmp_path / "in" / "file").write_text("")
    with pytest.raises(AssertionError, match="elsewhere"), watch.only_opens(tmp_path / "in"):
        elsewhere.read_text()
    with pytest.raises(AssertionError, match=r"os\.system"), watch.only_opens(tmp_path / "in"):
        os.system("true")
