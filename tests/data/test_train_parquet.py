"""Train interactions from Parquet: the same dataset as from text, and every mistake in words."""

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import read_dataset
from ncf_keras.data.train_parquet import read_train_parquet
from tests.small_data import TRAIN, write_files

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(file, **columns):
    pq.write_table(pa.table(columns), file, row_group_size=3)
    return file


def test_it_gives_the_dataset_that_text_gives(tmp_path):
    generator = np.random.default_rng(0)
    users, items = generator.integers(0, 2, 20), generator.integers(0, 5, 20)
    lines = "".join(f"{user}\t{item}\t1\n" for user, item in zip(users, items, strict=True))
    text = read_dataset(f"{tmp_path}/", write_files(tmp_path, train=lines) and "small")
    (tmp_path / "small.train.rating").unlink()
    write(tmp_path / "small.train.parquet", rating=np.ones(20), item=items.astype(np.int32), user=users)
    parquet = read_dataset(f"{tmp_path}/", "small")
    assert (parquet.num_users, parquet.num_items) == (text.num_users, text.num_items)
    np.testing.assert_array_equal(parquet.train_offsets, text.train_offsets)
    np.testing.assert_array_equal(parquet.train_items, text.train_items)
    assert parquet.train_is_latest is None


def test_text_goes_before_parquet(tmp_path):
    write_files(tmp_path)
    write(tmp_path / "small.train.parquet", user=[0, 1, 1], item=[1, 0, 1])
    assert read_dataset(f"{tmp_path}/", "small").num_train == len(TRAIN.splitlines())


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int32, np.int64, np.uint64])
def test_whole_numbers_of_any_size_are_read_in_order(tmp_path, kind):
    file = write(
        tmp_path / "x.train.parquet", user=np.arange(10, dtype=kind), item=np.arange(10, 20, dtype=kind)
    )
    users, items = read_train_parquet(file)
    assert users.dtype == items.dtype == np.int32
    np.testing.assert_array_equal(users, np.arange(10))
    np.testing.assert_array_equal(items, np.arange(10, 20))


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"user": [0, 1, 2, 3, -1], "item": [0] * 5}, "row 5 must have a user between 0 and .* Received: -1"),
        ({"user": [0] * 4, "item": [0, 1, 2, 2**31]}, f"row 4 must have a item .* Received: {2**31}"),
        ({"user": [0, 1, 2, 3, None], "item": [0] * 5}, "row 5 must have a user. Received: none"),
        ({"user": [0.0], "item": [0]}, "whole numbers in column 'user'. Received: double"),
        ({"user": ["0"], "item": [0]}, "whole numbers in column 'user'. Received: string"),
        ({"user": [0]}, "must have one column 'item'. Received: user"),
        ({"user": np.zeros(0, np.int32), "item": np.zeros(0, np.int32)}, "at least one interaction"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, columns, problem):
    file = write(tmp_path / "x.train.parquet", **columns)
    with pytest.raises(InputError, match=problem):
        read_train_parquet(file)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"user\titem\n" * 9, b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path, content):
    file = tmp_path / "x.train.parquet"
    file.write_bytes(content)
    with pytest.raises(InputError, match="must be a file that can be read to its end"):
        read_train_parquet(file)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    whole = write(tmp_path / "x.train.parquet", user=np.arange(9), item=np.arange(9)).read_bytes()
    file = tmp_path / "cut.train.parquet"
    for length in range(0, len(whole) - 1, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_train_parquet(file)
