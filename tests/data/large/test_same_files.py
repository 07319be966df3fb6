"""A log that is read and prepared in parts gives the bytes of the one that is prepared in memory.

The fast suite tries some logs; `pytest -m slow tests/data/large` tries two thousand.
"""

import datetime
import decimal
import shutil

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.data.large.in_parts import prepared, small_parts
from tests.data.test_dirty_logs import command, logs
from tests.data.written_logs import WrittenLog

SIZES = st.fixed_dictionaries({
    "chunk": st.sampled_from([1000, 8000, 20_000, 20_000, 20_000]), "users": st.integers(1, 4),
    "window": st.sampled_from([3, 100]),
})  # fmt: skip
DAY = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
# What a number is in a column of each type.
OF_IDS = {
    pa.int64(): int, pa.float64(): float, pa.string(): str, pa.large_string(): str, pa.int8(): int,
    pa.dictionary(pa.int32(), pa.string()): str, pa.decimal128(9, 2): decimal.Decimal,
}  # fmt: skip
OF_RATINGS = {pa.float32(): lambda n: n / 2, pa.int16(): int, pa.string(): str, pa.bool_(): bool}
OF_TIMES = {
    pa.int64(): int, pa.uint64(): int, pa.float64(): lambda n: n / 2, pa.string(): str,
    pa.timestamp("s"): lambda n: DAY.replace(tzinfo=None, second=n),
    pa.date32(): lambda n: DAY.date().replace(day=n + 1),
    pa.timestamp("us", "Europe/Berlin"): lambda n: DAY.replace(microsecond=n),
    pa.timestamp("ns"): lambda n: DAY.replace(tzinfo=None, microsecond=n),
    pa.dictionary(pa.int8(), pa.string()): lambda n: f"2020-01-1{n}",
}  # fmt: skip
ROLES = ("user", "item", "rating", "timestamp")
SETTINGS = {"suppress_health_check": list(HealthCheck)}


def check(folder, log, sizes):
    """Compare what a log of `test_dirty_logs.py` becomes; where it is refused, both ways refuse it."""
    rows, form, options = log
    if form["kind"] in ("json", "array"):
        form = form | {"kind": "csv"}
    written = WrittenLog(rows, form)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "log").mkdir(parents=True)
    files = [folder / f"log/part-{n}.csv" for n in range(len(written.data))]
    for file, data in zip(files, written.data, strict=True):
        file.write_bytes(data)
    stdin = written.data[0] if form["how"] == "stdin" else b""
    paths = {"stdin": ["-"], "directory": [str(folder / "log")]}.get(form["how"], list(map(str, files)))
    options = options | {"min_rating": options["min_rating"] if form["rating"] else None}
    compare(folder, [*paths, *written.flags, *command(options)], stdin, sizes)


def compare(folder, arguments, stdin, sizes):
    """Prepare a log in memory and in parts: with the same outcome, or refused both times."""
    whole = prepared(folder / "whole", arguments, stdin)
    with small_parts(**sizes):
        in_parts = prepared(folder / "parts", [*arguments, "--memory", "4GB"], stdin)
    if whole[0] == 0:
        assert in_parts == whole
    else:
        assert (in_parts[0], in_parts[3]) == (2, {}), in_parts


@settings(max_examples=30, **SETTINGS)
@given(logs(), SIZES)
def test_generated_logs(tmp_path, log, sizes):
    check(tmp_path / "case", log, sizes)


@pytest.mark.slow
@settings(max_examples=1_000, **SETTINGS)
@given(logs(), SIZES)
def test_many_generated_logs(tmp_path, log, sizes):
    check(tmp_path / "case", log, sizes)


@st.composite
def parquet_parts(draw):
    """Rows of numbers or None, a list a part, and the types of the columns of each part."""
    number, numbers = (
        st.integers(0, 9),
        (st.integers(0, 4), st.integers(0, 14), st.integers(0, 9), st.integers(0, 9)),
    )
    rows = st.one_of(*[st.tuples(*numbers)] * 4, st.tuples(*[st.one_of(st.none(), number)] * 4))
    parts = draw(st.lists(st.lists(rows, min_size=8, max_size=30), min_size=1, max_size=3))
    kinds = [st.sampled_from(list(kinds)) for kinds in (OF_IDS, OF_IDS, OF_RATINGS, OF_TIMES)]
    if draw(st.integers(0, 3)):
        types = [draw(st.tuples(*kinds))] * len(parts)
    else:
        types = [draw(st.tuples(*kinds)) for _ in parts]
    return parts, types, draw(st.integers(1, 40))


def column(numbers, type, kinds):
    return pa.array([None if number is None else kinds[type](number) for number in numbers], type)


def check_parquet(folder, log, options, sizes):
    """Compare what a log of `parquet_parts` becomes, as `check` does."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "log").mkdir(parents=True)
    of_roles = dict(zip(ROLES, (OF_IDS, OF_IDS, OF_RATINGS, OF_TIMES), strict=True))
    for n, (rows, types) in enumerate(zip(*log[:2], strict=True)):
        columns = {
            role: column(numbers, type, of_roles[role])
            for role, numbers, type in zip(ROLES, zip(*rows, strict=True), types, strict=True)
        }
        pa.parquet.write_table(pa.table(columns), folder / f"log/{n}.parquet", row_group_size=log[2])
    compare(folder, [str(folder / "log"), *options], b"", sizes)


PARQUET = given(
    parquet_parts(),
    st.tuples(
        st.sampled_from(["--keep=first", "--keep=last"]),
        st.sampled_from(["--min_user_interactions=1", "--min_user_interactions=3"]),
        st.sampled_from(["--min_item_interactions=1", "--min_item_interactions=2", "--no_timestamps"]),
        st.sampled_from(["--negatives=1", "--negatives=2"]),
    ),
    SIZES,
)


@settings(max_examples=20, **SETTINGS)
@PARQUET
def test_generated_parquet(tmp_path, log, options, sizes):
    check_parquet(tmp_path / "case", log, options, sizes)


@pytest.mark.slow
@settings(max_examples=1_000, **SETTINGS)
@PARQUET
def test_much_generated_parquet(tmp_path, log, options, sizes):
    check_parquet(tmp_path / "case", log, options, sizes)
