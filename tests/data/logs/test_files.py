import bz2
import gzip
import io
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from ncf_keras import read_log
from ncf_keras.base.errors import InputError
from ncf_keras.data.logs.files import log_files
from ncf_keras.data.logs.log import Log
from tests.data.written_logs import zstd

HEADER, FIRST, SECOND = "user,item,rating,time\n", "a,x,5,3\nb,y,4,2\n", "a,y,3,1\n"
ROWS = [("a", "x", 5.0, 3), ("b", "y", 4.0, 2), ("a", "y", 3.0, 1)]


def rows(path, **options):
    return list(read_log(path, **options).itertuples(index=False, name=None))


@pytest.mark.parametrize("parts", [
    {"p/0.csv": HEADER + FIRST, "p/1.csv": HEADER + SECOND},
    {"p/0.csv": HEADER + FIRST, "p/1.csv": SECOND},  # cut by `split`
    {"p/0.csv": HEADER + FIRST, "p/1.csv": "time,item,user,rating\n1,y,a,3\n"},
    {"p/0.csv": HEADER + FIRST, "p/1.csv": "time\titem\tuser\trating\n1\ty\ta\t3\n"},
    {"p/0.csv": HEADER + FIRST, "p/1.csv": HEADER, "p/2.csv": "", "p/3.csv": HEADER + SECOND},
    {"p/0.csv": FIRST, "p/1.csv": SECOND},
    {"p/day=1/part-0.csv": HEADER + FIRST, "p/day=2/part-0.csv": HEADER + SECOND, "p/_SUCCESS": "",
     "p/.part-0.crc": "\0", "p/_temporary/0.csv": "z,z,z,z\n"},
    {"p/0.csv": HEADER + FIRST, "p/1.json": '{"user": "a", "item": "y", "rating": 3, "time": 1}'},
])  # fmt: skip
def test_a_directory_of_parts(tmp_path, parts):
    for name, text in parts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert rows(tmp_path / "p") == ROWS
    files = [tmp_path / name for name in parts if not {"_", "."} & {part[0] for part in name.split("/")}]
    assert rows(files) == ROWS


def test_links_to_directories_are_followed_once(tmp_path):
    for name, text in {"p/0.csv": HEADER + FIRST, "elsewhere/1.csv": HEADER + SECOND}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    (tmp_path / "p" / "later").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "p" / "itself").symlink_to(tmp_path / "p")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path)
    assert rows(tmp_path / "p") == ROWS


def test_a_directory_that_cannot_be_looked_into_is_not_left_out(tmp_path, monkeypatch):
    (tmp_path / "0.csv").write_text(HEADER + FIRST)
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"closed must be a file that can be read.* Permission denied"):
        read_log(tmp_path)


def test_a_line_end_in_a_name_is_escaped(tmp_path):
    (tmp_path / "a\nb.csv").write_text("a,x,five,1\nb,y,4,2\n")
    with pytest.raises(InputError, match=r"a\\nb\.csv, line 1 must have a finite number"):
        read_log(tmp_path)


def test_a_row_is_told_by_its_own_file(tmp_path):
    (tmp_path / "0.csv").write_text(HEADER + FIRST)
    (tmp_path / "1.csv").write_text(HEADER + SECOND + "b,x,five,4\n")
    with pytest.raises(
        InputError, match=r"1\.csv, line 3 must have a finite number for the rating. Received: 'five'"
    ):
        read_log(tmp_path)
    (tmp_path / "1.csv").write_text("user,item,time\na,y,1\n")
    with pytest.raises(InputError, match=r"1\.csv must have what .*0\.csv has, user, item, rating, timestamp"):
        read_log(tmp_path)
    (tmp_path / "1.csv").write_text("a,y,1\n")
    with pytest.raises(
        InputError, match=r"1\.csv, line 1 must have as many columns as the header, 4 .*: 3, read as"
    ):
        read_log(tmp_path)
    (tmp_path / "1.csv").unlink()
    (tmp_path / "0.csv").write_text("")
    with pytest.raises(InputError, match=r"0\.csv must hold at least one interaction"):
        read_log(tmp_path)
    (tmp_path / "0.csv").unlink()
    with pytest.raises(InputError, match="a directory of its parts"):
        read_log(tmp_path)


@pytest.mark.parametrize("pack", [
    gzip.compress, bz2.compress, zstd,
    # Two packed files in one.
    lambda data: gzip.compress(data[:30]) + gzip.compress(data[30:]),
    lambda data: bz2.compress(data[:30]) + bz2.compress(data[30:]),
    lambda data: zstd(data[:30]) + zstd(data[30:]),
])  # fmt: skip
def test_packed_files_are_told_by_their_first_bytes(tmp_path, pack):
    whole = pack((HEADER + FIRST + SECOND).encode())
    (tmp_path / "log").write_bytes(whole)
    assert rows(tmp_path / "log") == ROWS
    (tmp_path / "log").write_bytes(whole[:-5])
    with pytest.raises(InputError, match="must be a file that can be read to its end"):
        read_log(tmp_path / "log")


def test_zstandard_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "log").write_bytes(zstd(FIRST.encode()))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'ncf-keras\[parquet\]'"):
        read_log(tmp_path / "log")


def test_standard_input_is_copied_while_it_is_read(tmp_path, monkeypatch):
    for data in ((HEADER + FIRST + SECOND).encode(), gzip.compress((HEADER + FIRST + SECOND).encode())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert rows("-") == ROWS
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a,x,five,1\nb,y,4,2\n")))
    with pytest.raises(InputError, match="standard input, line 1 must have a finite number"):
        read_log("-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FIRST.encode())))
    with log_files(["-"]) as files:
        copied = files[0].path
        assert copied.read_text() == FIRST
    assert not copied.exists()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FIRST.encode())))
    with pytest.raises(InputError, match="standard input must fit on the disk of"):
        read_log("-")


def test_nothing_of_standard_input_stays_where_the_process_is_ended(tmp_path):
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no file without a name can be opened again here")
    code = (
        "import time; from ncf_keras.data.logs.files import log_files\n"
        "with log_files('-'): print(1, flush=True), time.sleep(60)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        process.stdin.write(b"a" * (1 << 20))
        process.stdin.close()
        process.stdout.readline()
        process.kill()
    assert not list(tmp_path.iterdir())


def test_a_standard_input_that_cannot_be_read(tmp_path, monkeypatch):
    rule = "standard input must be something that can be read to its end. Received: "
    with (tmp_path / "log").open("wb") as written:
        monkeypatch.setattr(
            sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.FileIO(written.fileno(), closefd=False)))
        )
        with pytest.raises(InputError, match=rule):
            read_log("-")
    monkeypatch.setattr(sys, "stdin", io.StringIO(FIRST))  # as in a notebook
    with pytest.raises(InputError, match=rule):
        read_log("-")


def test_what_is_no_path(tmp_path):
    for path in (5, None, b"log", [], {}, [None], [["log"]], "", [""], io.StringIO("log\n")):
        with pytest.raises(InputError, match="`path` must be a path, or a list of them"):
            read_log(path)
    with pytest.raises(InputError, match="must be a file that can be read"):
        read_log(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="read_log"):
        read_log(tmp_path / "missing.csv", delimeter=",")


@pytest.mark.parametrize("argument", ["encoding", "delimiter", "escape"])
@pytest.mark.parametrize("value", [5, b",", [","], float("nan")])
def test_what_is_no_text(tmp_path, argument, value):
    (tmp_path / "log").write_text(HEADER + FIRST)
    with pytest.raises(InputError, match=f"`{argument}` must be a text. Received: "):
        read_log(tmp_path / "log", **{argument: value})


@pytest.mark.parametrize(("argument", "value"), [("header", "no"), ("header", 0), ("no_timestamps", "no")])
def test_what_is_neither_true_nor_false(tmp_path, argument, value):
    (tmp_path / "log").write_text(HEADER + FIRST)
    with pytest.raises(InputError, match=f"`{argument}` must be True or False.*Received: {value!r}$"):
        read_log(tmp_path / "log", **{argument: value})


def test_a_log_without_times_as_a_frame(tmp_path):
    (tmp_path / "log").write_text("user,item\nu,a\nu,b\n")
    assert read_log(tmp_path / "log", timestamp="none").to_numpy().tolist() == [["u", "a"], ["u", "b"]]


def test_keys_of_json_are_not_the_columns_of_a_text_without_a_header(tmp_path):
    (tmp_path / "1.json").write_text('{"user": 1, "rating": 2, "item": 3, "timestamp": 4}')
    (tmp_path / "2.csv").write_text("5,6,3,8\n")
    assert read_log(tmp_path).to_numpy().tolist() == [["1", "3", 2.0, 4], ["5", "6", 3.0, 8]]


def test_missing_may_be_a_number_or_one_text(tmp_path):
    (tmp_path / "log").write_text(HEADER + FIRST + SECOND + "-1,z,4,4\n")
    for missing in (-1, "-1", ["-1"], [-1.0], (" -1 ",)):
        assert rows(tmp_path / "log", missing=missing) == ROWS


def test_a_file_that_changes_before_it_is_read(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "log"
    file.write_text('{"user": 1, "item": 2, "timestamp": 3}')
    log = Log.of(file)
    file.write_text("")
    with pytest.raises(InputError, match="must hold at least one complete interaction"):
        log.read()
    parquet.write_table(pyarrow.table({"user": [1], "item": [1], "timestamp": [1]}), file)
    log = Log.of(file)
    parquet.write_table(pyarrow.table({"user": [1]}), file)
    with pytest.raises(InputError, match=r"must stay as it is while it is read\. Received: other columns"):
        log.read()
