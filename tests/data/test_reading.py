"""What is no regular file, or does not fit into memory, is refused in a sentence before it is taken."""

import contextlib
import gzip
import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ncf_keras.base import memory
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import memory_checked
from ncf_keras.data import Dataset, dataset_files, read_dataset
from ncf_keras.data.id_files import read_ids, write_ids
from ncf_keras.data.logs import text as text_logs
from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.logs.text import MOST_COLUMNS
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.reading import LONGEST_LINE, file_digest
from ncf_keras.data.titles import read_titles
from ncf_keras.data.train_parquet import read_train_parquet
from tests.small_data import NEGATIVES, write_files


def read_log(file, options=None, on_read=lambda position: None):
    """Return the rows of a log."""
    return Log.of(file, options).read(on_read)


READERS = {
    "log": read_log,
    "titles": read_titles,
    "ids": lambda file: read_ids(file, "user_id", 1),
    "train.parquet": read_train_parquet,
    "digest": lambda file: file_digest(file, "sha256"),
    "part of a dataset": lambda file: read_dataset(file.parent, "small"),
}


def refused(read, *arguments):
    """Return the sentence with which something is refused."""
    with pytest.raises(InputError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@contextlib.contextmanager
def as_somebody_else():
    """Give up the rights of root, if this is root, while the block runs."""
    user = os.geteuid()
    if not user:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("read", READERS)
def test_only_regular_files_are_read_and_whatever_else_a_path_is_is_said(tmp_path, read):
    if read == "train.parquet":
        pytest.importorskip("pyarrow")
    write_files(tmp_path)
    file = tmp_path / "small.test.rating"
    (tmp_path / "sealed").mkdir()
    for make, reason in (
        (lambda: os.mkfifo(file), "which is a pipe|: a pipe"),
        (lambda: file.symlink_to("/dev/zero"), "which is a device|: a device"),
        (file.mkdir, "which is a directory|: a directory"),
        (lambda: file.symlink_to(file), "Too many levels of symbolic links"),
        (lambda: file.symlink_to("a" * 300), "File name too long"),
        (lambda: file.symlink_to("sealed/file"), "Permission denied"),
        (lambda: file.symlink_to("absent"), "No such file or directory|no file"),
    ):
        (file.unlink if file.is_symlink() or not file.is_dir() else file.rmdir)()
        make()
        with as_somebody_else() if "Permission" in reason else contextlib.nullcontext():
            assert re.search(reason, refused(READERS[read], file))


def test_a_file_that_one_may_not_read_is_named():
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "small.test.rating"
        write_files(file.parent)
        file.parent.chmod(0o755)
        report = file.with_name("small.json")
        # Whether a file is the one that was written can't be told now: it is neither whole nor damaged.
        for part in (report, file.with_name("small.train.rating"), file):
            files = {part.name.removeprefix("small"): "0"}
            report.write_text(json.dumps({"prepared_by": "ncf-keras 1", "files": files}))
            part.chmod(0)
            with as_somebody_else():
                sentence = refused(READERS["part of a dataset"], file)
            assert sentence.startswith(f"{part} must be a file that can be read. Received: ")
            assert sentence.endswith("Permission denied")
            part.chmod(0o644)
            report.unlink()
        file.chmod(0)
        for read in ("log", "titles", "ids", "digest", "part of a dataset"):
            with as_somebody_else():
                assert "Permission denied" in refused(READERS[read], file)


@pytest.mark.parametrize(("path", "name"), [("x" * 300, "small"), ("", "y" * 300), ("\0", "small")])
def test_a_name_of_a_dataset_that_no_file_can_have(path, name):
    assert "that can be looked at" in refused(read_dataset, path, name)


def free(monkeypatch, count):
    monkeypatch.setattr(memory, "free_memory", lambda: count)


def too_large(sentence, what):
    """Check the sentence and return the number of bytes that it gives as needed."""
    found = re.search(r"Received: about ([\d.]+) (\w+), where", sentence)
    assert sentence.startswith(f"{what} must fit into the memory that is free (`--no_memory_check` ") and found
    return float(found[1]) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[found[2]]


def test_thirteen_bytes_take_no_gigabytes(tmp_path, monkeypatch):
    write_files(tmp_path, train="2147483000\t0\t1\n")
    free(monkeypatch, 8 * 10**9)
    needed = too_large(refused(read_dataset, tmp_path, "small"), "A dataset of 2,147,483,001 users and 4 items")
    # An offset of eight bytes for each user, at the least.
    assert needed > 8 * 2_147_483_001
    items = np.array([0, 2_000_000_000])
    dataset = Dataset.from_pairs(np.array([0, 0]), items, np.array([0]), np.array([1]), np.array([[2]]))
    sentence = refused(lambda: dataset.item_counts)
    assert too_large(sentence, "The number of interactions of each of 2,000,000,001 items") >= 8 * 2_000_000_000


LINES = "".join(f"user-{n % 100},item-{n % 37},{n % 5},{n}\n" for n in range(40_000))


@pytest.mark.parametrize("packed", [False, True])
def test_a_text_log_is_read_as_long_as_it_fits(tmp_path, monkeypatch, packed):
    file, seen = tmp_path / "log.csv", []
    file.write_bytes(gzip.compress(LINES.encode(), 1) if packed else LINES.encode())
    for count in (2_000_000, 20_000_000):
        free(monkeypatch, count)
        if count < 5_000_000:
            sentence = refused(lambda: read_log(file, on_read=seen.append))
            # Reading stops where the memory would, which an unpacked log is known to do at its beginning.
            assert 2e6 < too_large(sentence, file) < (4.5e6 if packed else 20e6)
            with memory_checked(False):
                assert read_log(file).rows == 40_000
        else:
            assert read_log(file).rows == 40_000


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_without_end_is_refused_wherever_text_is_read(tmp_path, packed):
    text = b"index,user_id\n0,1\n" + b"x" * (LONGEST_LINE + (1 << 19))
    file = tmp_path / "small.test.rating"
    write_files(tmp_path)
    file.write_bytes(gzip.compress(text, 1) if packed else text)
    columns = LogOptions("1", "2", header=False, no_timestamps=True)
    for read in (lambda path: read_log(path, columns), read_titles):
        assert re.search("lines of at most|no longer than|a record of more than", refused(read, file))
    for read in () if packed else (READERS["ids"], READERS["part of a dataset"]):
        refused(read, file)


def test_a_row_of_a_wide_log_takes_what_its_columns_take(tmp_path, monkeypatch):
    file = tmp_path / "log.csv"
    header = "user,item,rating,timestamp" + "".join(f",c{number}" for number in range(2000))
    file.write_text(f"{header}\na,b,1,1{',' * 2000}\n" + "a,b,1,1\n" * 20_000)
    free(monkeypatch, 20_000_000)
    # A byte for each of 2,000 columns in each of 20,000 rows, although the file has 180 kB.
    assert too_large(refused(read_log, file), file) >= 20_000_000
    file.write_text("\n".join([f"user,item,ts{',a' * MOST_COLUMNS}", f"1,2,3{',' * MOST_COLUMNS}", ""]))
    assert refused(read_log, file).endswith("at most 10,000 columns. Received: 10,003")
    file.write_text(",".join(f"c{number}" for number in range(10**6)) + "\n1,2\n")
    assert "a record of more than 1,048,576 characters" in refused(read_log, file)


class TestParquet:
    """What Parquet unpacks to is known from its metadata."""

    @pytest.fixture
    def write(self, tmp_path):
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

        def write(**columns):
            file = tmp_path / "small.train.parquet"
            # Without the schema, texts are texts again when they are read, and no numbers of a dictionary.
            parquet.write_table(pa.table(columns), file, compression="zstd", store_schema=False)
            return file

        return write

    def texts(self, text, rows):
        import pyarrow as pa

        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))

    def test_rows_that_take_no_room_in_the_file(self, tmp_path, write, monkeypatch):
        rows = 500_000
        numbers = np.zeros(rows, np.int32)
        file = write(user=numbers, item=numbers, timestamp=numbers, text=self.texts("x" * 100, rows))
        assert file.stat().st_size < 20_000
        free(monkeypatch, 20_000_000)
        assert too_large(refused(read_log, file), file) > rows * 4 * 3
        assert too_large(refused(read_train_parquet, file), file) > rows * 4 * 2
        with memory_checked(False):
            assert read_log(file).rows == rows

    def test_a_long_text_in_every_row_is_taken_once(self, write, monkeypatch):
        rows, text = 200_000, "9" * 9000
        numbers = np.arange(rows)
        free(monkeypatch, 500_000_000)
        texts = self.texts(text, rows)
        log = read_log(write(user=texts, item=numbers % 7, timestamp=numbers))
        assert list(log.user_ids) == [text]
        file = write(user=numbers % 7, item=numbers % 5, rating=texts, timestamp=numbers)
        assert too_large(refused(read_log, file), "`rating` as texts of 200,000 rows") == rows * len(text)

    def test_nested_columns_and_too_many(self, write, monkeypatch):
        file = write(user=[1], item=[[1]], ts=[1])
        assert "`item` must be a column of single values" in refused(read_log, file)
        monkeypatch.setattr(text_logs, "MOST_COLUMNS", 2)
        assert refused(read_log, file).endswith("at most 2 columns. Received: 3")


def test_files_of_a_dataset_are_read_as_far_as_they_fit(tmp_path, monkeypatch):
    lines = 20_000
    paths = write_files(tmp_path, train="0\t1\t1\n" * lines)
    free(monkeypatch, 1_000_000)
    # User, item and rating: eight bytes each.
    assert too_large(refused(read_dataset, tmp_path, "small"), paths["train"]) > lines * 24
    negatives = "".join(f"(0,2){chr(9)}{chr(9).join('1' * 50)}\n" for _ in range(2000))
    paths = write_files(tmp_path, test="0\t2\t3\n" * 2000, negatives=negatives)
    assert too_large(refused(read_dataset, tmp_path, "small"), paths["negatives"]) > 2000 * 50 * 8
    file = tmp_path / "small.users.csv"
    write_ids(file, "user_id", [str(number) for number in range(lines)])
    assert too_large(refused(read_ids, file, "user_id", lines), file) > 1_000_000
    file.write_text("".join(f"{number},title {number}\n" for number in range(lines)))
    assert too_large(refused(read_titles, file), file) > 1_000_000


def test_short_lines_are_not_filled_up_to_the_length_of_the_first(tmp_path, monkeypatch):
    """Filled up, these would be 10,000 columns of 20,000 numbers of eight bytes."""
    lines, width = 20_000, 10_000
    negatives = f"(0,2){chr(9)}{chr(9).join('1' * width)}\n" + "(0,2)\t1\n" * (lines - 1)
    paths = write_files(tmp_path, test="0\t2\t3\n" * lines, negatives=negatives)
    monkeypatch.setattr(dataset_files, "_parse", lambda *_, **__: pytest.fail("it was parsed"))
    monkeypatch.setattr(dataset_files, "read_ratings", lambda _: (np.zeros(1), np.zeros(1), np.ones(1), None))
    rule = f"{paths['negatives']}, line 2 must have as many negatives as the first line, {width}. Received: 1"
    assert refused(read_dataset, tmp_path, "small") == rule
    paths["negatives"].write_text("(0,2)" + "\t1" * 100_001 + "\n")
    rule = "at most 100,000 negatives a line. Received: 100,001"
    assert refused(read_dataset, tmp_path, "small").endswith(rule)


def test_a_first_line_of_very_many_ratings_is_refused_at_once(tmp_path):
    for text in ("0\t1\t" + "5\t" * 10_000 + "\n", "0\t1\t" + "5" * 100_000):
        paths = write_files(tmp_path, train=text)
        assert refused(read_dataset, tmp_path, "small").startswith(
            f"{paths['train']}, line 1 must be `user TAB"
        )


def test_negatives_that_do_not_fit_are_refused_before_they_are_drawn(tmp_path, monkeypatch):
    file = tmp_path / "log.csv"
    file.write_text("".join(f"{user},{user + item},{item}\n" for user in range(300) for item in range(2)))
    log = read_log(file, LogOptions(rating="none", timestamp="3"))
    free(monkeypatch, 1_000_000)
    sentence = refused(prepare, log, PrepareOptions(negatives=290))
    assert too_large(sentence, "`negatives` for 300 test pairs") > 300 * 290 * 8
    assert len(prepare(log, PrepareOptions(negatives=10)).test) == 300


def test_the_parsers_own_words_for_no_memory_are_a_memory_error(tmp_path, monkeypatch):
    error = pd.errors.ParserError("Error tokenizing data. C error: out of memory")
    monkeypatch.setattr(pd, "read_csv", lambda *_, **__: (_ for _ in ()).throw(error))
    write_files(tmp_path, negatives=NEGATIVES)
    (tmp_path / "log.csv").write_text("a,x,5,1\nb,y,4,2\n")
    for read in (lambda: read_dataset(tmp_path, "small"), lambda: read_log(tmp_path / "log.csv")):
        with pytest.raises(MemoryError, match="out of memory"):
            read()
