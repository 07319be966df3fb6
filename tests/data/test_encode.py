import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data.encode import LONGEST_ID, encode, renumber


@given(st.lists(st.text(max_size=4).filter(lambda text: "\0" not in text), max_size=40))
def test_ids_are_numbered_in_order_of_first_appearance(values):
    index_of = {}
    expected = [index_of.setdefault(v.strip(), len(index_of)) if v.strip() else -1 for v in values]
    for series in (pd.Series(values, dtype=object), pd.Series(values, dtype=object).astype("category")):
        indices, ids = encode(series, "user")
        assert indices.tolist() == expected
        assert indices.dtype == np.int32
        assert list(ids) == list(index_of)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (["007", "7", "7 "], ["007", "7", "7"]),
        ([7, 10**30, -1], ["7", str(10**30), "-1"]),
        ([1.0, np.nan, 2.0], ["1", None, "2"]),
        ([1.5, 2.0**60], ["1.5", "1.152921504606847e+18"]),
        ([None, pd.NA, pd.NaT, "", "  ", "NA", "nan", "null"], [None] * 5 + ["NA", "nan", "null"]),
        ([b"caf\xc3\xa9", True], ["café", "True"]),
    ],
)
def test_ids_are_texts_as_they_print(values, texts):
    indices, ids = encode(pd.Series(values, dtype=object), "user")
    assert [None if index < 0 else ids[index] for index in indices] == texts


def test_integers_turned_into_floats_by_a_missing_value_keep_their_ids():
    indices, ids = encode(pd.Series([3.0, np.nan, 4.0]), "item")
    assert indices.tolist() == [0, -1, 1]
    assert list(ids) == ["3", "4"]


def test_lists_are_no_ids():
    with pytest.raises(InputError, match="`item` must be a column of single values"):
        encode(pd.Series([[1], [2]]), "item")


def test_nul_is_no_part_of_an_id():
    with pytest.raises(InputError, match="`user` must hold ids without NUL characters"):
        encode(pd.Series(["a\0b"]), "user")


def test_a_very_long_id_is_taken_for_an_unclosed_quotation():
    assert encode(pd.Series(["a" * LONGEST_ID]), "user")[1] == ["a" * LONGEST_ID]
    with pytest.raises(InputError, match="at most 10,000 characters"):
        encode(pd.Series(["a" * (LONGEST_ID + 1)]), "user")


def test_renumber_closes_gaps_and_keeps_the_order():
    indices, ids = renumber(np.array([4, 1, 4, 3], np.int32), np.array(list("abcde"), dtype=object))
    assert list(ids) == ["b", "d", "e"]
    assert [ids[index] for index in indices] == ["e", "b", "e", "d"]
