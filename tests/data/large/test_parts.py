"""What only some logs show of a preparation in parts, and its pieces alone."""

import errno
import io
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli.prepare import main
from ncf_keras.data.large import row_file
from ncf_keras.data.large.budget import Budget
from ncf_keras.data.large.row_marks import RowMarks
from ncf_keras.data.large.user_blocks import block_ends
from ncf_keras.data.negatives import DrawsInBlocks, drawn_ranks
from tests.data.large.in_parts import ends, prepared, require_same, small_parts
from tests.shared_files import PROJECT

HEADER = "user,item,rating,timestamp\n"
ROWS = [(f"u{n % 4}", f"i{n * 7 % 11}", 1 + n % 5, 1000 + n * 13 % 17) for n in range(40)]


def text_of(rows):
    return HEADER + "".join(",".join(map(str, row)) + "\n" for row in rows)


def with_row(place, **fields):
    """Return rows with other fields in one of them."""
    row = dict(zip(("user", "item", "rating", "timestamp"), ROWS[place], strict=True)) | fields
    return [*ROWS[:place], tuple(row.values()), *ROWS[place + 1 :]]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        # All ratings are read again as texts, and 0.1 + 0.2 of a text is another float than of a number.
        [*with_row(0, rating="0.30000000000000004"), ("u1", "i50", "true", 7)],
        [("u9", "i1", 3, ""), *with_row(30, timestamp=1000.25)],
        # An integer that a float would round, beside none and beside a fraction.
        with_row(35, timestamp=2**53 + 1),
        [*with_row(35, timestamp=2**53 + 1), ("u1", "i50", 3, "")],
        [*with_row(2, timestamp=0.1234567890123456789), ("u1", "i50", 3, 2**53 + 1)],
        # The first timestamp decides, though its row is incomplete.
        [("", "i1", 3, "2020-01-01"), *((*row[:3], f"2020-02-{1 + row[3] % 28}") for row in ROWS)],
        [("u1", "i1", "", 5), *ROWS],
        [(*row[:3], f"2020-01-01T00:00:00.{row[3]:06d}") for row in ROWS],
        with_row(3, user="NULL", item="n/a"),
        [(*row[:2], 1_500_000_000 + row[3], row[2]) for row in ROWS],
    ],
)
@pytest.mark.parametrize("chunk", [1000, 20_000])
def test_kinds_that_a_later_row_changes(tmp_path, rows, chunk):
    (tmp_path / "log.csv").write_text(text_of(rows))
    assert require_same(tmp_path, [str(tmp_path / "log.csv"), "--negatives", "1"], chunk=chunk)[0] == 0


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (with_row(30, timestamp="soon"), "log.csv, line 32 must have a number or an ISO 8601 date"),
        (with_row(30, timestamp="2020-01-01"), "log.csv, line 32 must have a number or an ISO 8601 date"),
        (with_row(30, rating="five"), "log.csv, line 32 must have a finite number for the rating"),
        (with_row(30, rating="5,5"), "log.csv, line 32 must have as many columns as the first, 4"),
        ([("", "i", 1, 1)], "log.csv must hold at least one complete interaction"),
        ([("u", "i", 0, 1)], "The filters must leave at least one interaction"),
        ([("u", "i", 1, 1), ("v", "i", 1, 1)], "The log must have a user with two interactions"),
        ([("u", "i", 1, 1), ("u", "j", 1, 1)], "`--negatives` must leave a test user items to draw from"),
    ],
)
def test_both_ways_say_the_same_of_a_wrong_log(tmp_path, rows, rule):
    (tmp_path / "log.csv").write_text(text_of(rows))
    status, _, error, files = require_same(tmp_path, [str(tmp_path / "log.csv"), "--negatives", "1"])
    assert (status, files) == (2, {}) and rule in error


def test_files_whose_dates_are_of_different_units(tmp_path):
    """Nanoseconds come later, and decide what is held out: none may be lost."""
    (tmp_path / "log").mkdir()
    for name, unit, times in (("a", "s", [1, 2, 3, 4]), ("b", "ns", [10**9 + 1, 10**9 + 2, 10**9, 5])):
        columns = {
            "user": ["u", "v", "u", "v"],
            "item": [f"{name}{n}" for n in range(4)],
            "timestamp": pa.array(times, pa.timestamp(unit)),
        }
        pa.parquet.write_table(pa.table(columns), tmp_path / f"log/{name}.parquet")
    assert require_same(tmp_path, [str(tmp_path / "log"), "--negatives", "2"])[0] == 0


def test_dates_that_no_unit_holds_together(tmp_path):
    (tmp_path / "log").mkdir()
    for name, unit, time in (("a", "s", 10**11), ("b", "ns", 5)):
        columns = {"user": ["u"], "item": [name], "timestamp": pa.array([time], pa.timestamp(unit))}
        pa.parquet.write_table(pa.table(columns), tmp_path / f"log/{name}.parquet")
    with small_parts():
        status, _, error, files = prepared(tmp_path / "out", [str(tmp_path / "log"), "--memory", "1GB"])
    assert (status, files) == (2, {}) and error.endswith(
        "error: The dates of a log that is read in parts (`--memory`) must fit into the unit of the finest. "
        "Received: 5138-11-16T09:46:40.000\n"
    )


def test_a_timestamp_that_int64_does_not_hold(tmp_path):
    (tmp_path / "log.csv").write_text(text_of(with_row(30, timestamp=2**63)))
    with small_parts():
        status, _, error, _ = prepared(tmp_path / "out", [str(tmp_path / "log.csv"), "--memory", "1GB"])
    assert status == 2 and error.endswith("must be below 2^63. Received: 9223372036854775808\n")


def test_titles_and_a_chain_of_rare_ones(tmp_path):
    """User n of the chain has the items n and n + 1: every round takes out both of its ends."""
    chain = [(f"c{n}", f"d{n + one}", 5, n) for n in range(50) for one in (0, 1)]
    (tmp_path / "log.csv").write_text(text_of([*chain, *ROWS]))
    (tmp_path / "titles.csv").write_text("item,title\n" + "".join(f"i{n},Title {n}\n" for n in range(9)))
    least = ["--min_user_interactions", "2", "--min_item_interactions", "2", "--negatives", "1"]
    arguments = [str(tmp_path / "log.csv"), "--titles", str(tmp_path / "titles.csv"), *least]
    whole = require_same(tmp_path, arguments, chunk=20_000, users=7)
    assert whole[0] == 0 and whole[3]["d.waiting.csv"].count(b"\n") == 101


@pytest.mark.parametrize("size", [1, 3, 100])
def test_draws_in_blocks_are_those_of_all_at_once(size):
    free = np.random.default_rng(4).integers(7, 90, 40)
    generator = np.random.default_rng(2017)
    whole = drawn_ranks(free, 7, lambda step, highest: generator.integers(0, highest + 1))
    draws = DrawsInBlocks(free, 7, ends(40, size), np.random.default_rng(2017))
    blocks = [draws.ranks(block) for block in range(-(-40 // size))]
    assert np.array_equal(np.concatenate(blocks, axis=1), whole)


def test_a_block_without_test_pairs():
    draws = DrawsInBlocks(np.array([5, 6]), 2, np.array([0, 2, 2]), np.random.default_rng(1))
    assert [draws.ranks(block).shape for block in range(3)] == [(2, 0), (2, 2), (2, 0)]


def test_marks_are_kept_across_windows():
    with small_parts(window=4):
        marks = RowMarks(io.BytesIO(), 10)
        marks.mark(np.array([0, 3, 4, 9]), 1)
        marks.mark(np.array([1, 8]), 2)
        assert marks.read(0, 10).tolist() == [1, 2, 0, 1, 1, 0, 0, 0, 2, 1]


def test_blocks_hold_what_fits(monkeypatch):
    """Of users with 1, 2, … rows of 200 bytes, and 10 negatives of 33 bytes each."""
    counts = np.arange(1, 6)
    assert block_ends(counts, 10, 10**9).tolist() == [5]
    assert block_ends(counts, 10, 1330).tolist() == [2, 3, 4, 5]
    assert block_ends(counts, 10, 530 + 730 + 930).tolist() == [3, 4, 5]
    with pytest.raises(InputError, match=r"rows of one user, 1.33 kB .* about 1.53 kB for 6 rows"):
        block_ends(np.array([1, 6]), 10, 1329)


def test_ids_that_take_too_much():
    budget = Budget.of(512_000_000)
    budget.require_room_for_ids(300_000, 300_000, 3_000_000)
    with pytest.raises(
        InputError, match=r"`memory` must have room for the ids, .* for 500,000 users and 300,000"
    ):
        budget.require_room_for_ids(500_000, 300_000, 3_000_000)
    with pytest.raises(InputError, match="must have room for the ids"):
        budget.require_room_for_ids(300_000, 300_000, 60_000_000)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--memory", "100MB"], "error: `--memory` must be at least 512 MB. Received: 100 MB\n"),
        (["--memory", "900TB"], "error: `--memory` must fit into the memory that is free"),
        (["--memory", "4"], "argument --memory: must be a number and a unit, such as 4GB, 512MB or 4GiB."),
        (["--memory", "1GB", "--format", "json"], "error: `--format json` must be left out with `--memory`"),
        (["--memory", "1GB", "--split", "time", "--at", "0.5"], "error: `--split time` must be left out with"),
        (
            ["--memory", "1GB", "--ids_from", "x/y"],
            "error: `--ids_from` must be left out with `--memory`, which",
        ),
    ],
)
def test_what_is_refused(tmp_path, capsys, flags, sentence):
    (tmp_path / "log.csv").write_text(text_of(ROWS))
    try:
        status = main([str(tmp_path / "log.csv"), "--out", str(tmp_path / "d"), *flags])
    except SystemExit as stop:
        status = stop.code
    assert status == 2 and sentence in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_json_is_refused(tmp_path):
    (tmp_path / "log.json").write_text('{"user": 1, "item": 2, "rating": 3, "timestamp": 4}\n' * 3)
    with small_parts():
        status, _, error, files = prepared(tmp_path / "out", [str(tmp_path / "log.json"), "--memory", "1GB"])
    assert (status, files) == (2, {}) and error.endswith(
        "error: A log that is read in parts (`--memory`) must be text or Parquet. "
        f"Received: {tmp_path}/log.json, JSON\n"
    )


@pytest.mark.parametrize("writes", [0, 5, 45, 70])
def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch, writes):
    (tmp_path / "log.csv").write_text(text_of(ROWS))
    left, write = [writes], row_file.write_records

    def fill(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*arguments)

    for name in ("row_file", "user_blocks", "holding_out", "row_marks"):
        monkeypatch.setattr(f"ncf_keras.data.large.{name}.write_records", fill)
    with small_parts():
        arguments = [str(tmp_path / "log.csv"), "--negatives", "1", "--memory", "1GB"]
        status, _, error, files = prepared(tmp_path / "out", arguments)
    assert (status, files) == (2, {}) and error.endswith(
        "error: FOLDER must be a directory with room for the dataset. Received: No space left on device\n"
    )


def test_what_a_killed_command_leaves_is_removed_by_the_next(tmp_path):
    (tmp_path / "log.csv").write_text(text_of(ROWS))
    arguments = [str(tmp_path / "log.csv"), "--negatives", "1"]
    out = tmp_path / "out"
    code = (
        "import os, signal, sys\n"
        "from ncf_keras.data.large import preparing\n"
        "preparing.clean = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from ncf_keras.cli.prepare import main\n"
        "main(sys.argv[1:])"
    )
    out.mkdir()
    command = [sys.executable, "-c", code, *arguments, "--out", str(out / "d"), "--memory", "512MB"]
    killed = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = out.iterdir()
    assert left.name.startswith(".writing-d-") and {file.name for file in left.iterdir()} >= {"rows", "users"}
    assert main([*arguments, "--out", str(out / "d")]) == 0
    assert not left.exists() and len(list(out.iterdir())) == 6
