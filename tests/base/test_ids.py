"""The rule for ids as the page has it, held against everything that takes an id."""

import datetime
import re
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import LONGEST_ID, id_text, listed_ids
from ncf_keras.data import Dataset
from ncf_keras.data.tidy_log import encode
from ncf_keras.recommending.ids import Ids
from tests.shared_files import PROJECT

NAMES = {"np": np, "pd": pd, "datetime": datetime, "Decimal": Decimal, "float": float}


def documented():
    """Return (what stands there, its id) of each row of the table in docs/data.md, the first evaluated."""
    page = (PROJECT / "docs/data.md").read_text(encoding="utf-8")
    section = page.split("\n## Ids\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+) \| (.+) \|$", section, re.MULTILINE)
    return [
        (code, eval(code, dict(NAMES)), answer)
        for codes, answer in rows
        for code in re.findall(r"`([^`]+)`", codes)
    ]


RULE = documented()
IDS = [
    (value, re.fullmatch("`(.*)`", answer)[1] if answer.startswith("`") else value)
    for _, value, answer in RULE
    if answer.startswith(("`", "what it says"))
]
MISSING = [value for _, value, answer in RULE if answer.startswith("none")]
REFUSED = [value for _, value, answer in RULE if answer == "refused"]


def test_the_page_has_every_kind():
    assert (len(IDS), len(MISSING), len(REFUSED)) == (27, 7, 4) and len(RULE) == 38


@pytest.mark.parametrize(("value", "text"), IDS)
def test_what_is_read_is_found_in_every_form(value, text):
    assert id_text(value) == text and type(id_text(value)) is str
    # A file, a frame and a mapping of titles.
    indices, ids = encode(pd.Series([value, "other", text], dtype=object), "user")
    assert (indices.tolist(), ids.tolist()) == ([0, 1, 0], [text, "other"])
    # A look-up among the ids that were read.
    for asked in (value, [value], pd.Series([value], dtype=object), iter([value])):
        assert Ids(["other", text], 2).require(asked, "users").tolist() == [1]
    log = pd.DataFrame({"user": ["u", "u", "v"], "item": pd.Series([value, "x", "y"], dtype=object)})
    dataset = Dataset.from_dataframe(log, negatives=1, titles={value: "Title"})
    assert dict(zip(dataset.item_ids, dataset.item_titles, strict=True))[text] == "Title"
    # Ids that are given rather than read.
    assert of_two_users([value, "other"]).user_ids == [text, "other"]


@pytest.mark.parametrize("value", MISSING)
def test_what_is_missing_is_no_id(value):
    assert id_text(value) is None
    assert encode(pd.Series([value, "a"], dtype=object), "user")[0].tolist() == [-1, 0]
    with pytest.raises(InputError, match="`users` must hold ids of the dataset, such as None"):
        Ids(["None", "nan", "NaN", "NaT", "<NA>"], 5).require([value], "users")
    if isinstance(value, str):
        assert of_two_users([value, "a"]).user_ids == ["", "a"]
    else:
        with pytest.raises(InputError, match="`user_ids` must hold the id of each index"):
            of_two_users([value, "a"])


@pytest.mark.parametrize("value", REFUSED)
def test_what_is_refused_names_the_argument(value):
    with pytest.raises(InputError, match=r"^`users` must hold .*ids"):
        Ids(["7"], 1).require([value], "users")
    with pytest.raises(InputError, match=r"^`user` must"):
        encode(pd.Series([value], dtype=object), "user")


@pytest.mark.parametrize(("value", "index"), [
    (3, 3), (3.0, 3), ("3", 3), (" 3", 3), (b"3", 3), (np.int64(3), 3), (np.array(3), 3), (Decimal(3), 3),
    (0, 0), ("0", 0), (-0.0, 0), (True, -1), (np.bool_(False), -1), ("03", -1), ("3.0", -1), (3.5, -1), (4, -1),
    (-1, -1), (None, -1), ("", -1), ("٣", -1), ("+3", -1), (10**30, -1), (float("inf"), -1), (float("nan"), -1),
])  # fmt: skip
def test_where_there_are_no_ids_the_index_is_the_id(value, index):
    assert Ids(None, 4).find([value]).tolist() == [index]


def of_two_users(user_ids):
    one = np.array([0, 1])
    return Dataset.from_pairs(one, one, one, one[::-1], np.array([[2], [2]]), user_ids=user_ids)


@given(st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans() | st.decimals(allow_nan=False))
def test_the_text_of_an_id_is_its_own_text(value):
    text = id_text(value) if not (isinstance(value, str) and "\0" in value) else None
    if text is not None:
        assert id_text(text) == text == text.strip()
        if isinstance(value, int | float | Decimal) and abs(value) < 2**53:
            assert isinstance(value, bool) or Decimal(text) == Decimal(str(value))


def test_endless_ids_are_refused():
    for value in ("a" * (LONGEST_ID + 1), 10**LONGEST_ID, Decimal(f"1e{LONGEST_ID + 1}")):
        with pytest.raises(InputError, match="`ids` must hold ids of at most 10,000 characters"):
            id_text(value)
    assert len(id_text("a" * LONGEST_ID)) == LONGEST_ID


def test_one_id_or_several():
    pa = pytest.importorskip("pyarrow")
    for one in ("ab", b"ab", 7, None, np.array("ab"), np.int64(7)):
        assert listed_ids(one) == [one]
    for several in ([7, "a"], (7, "a"), iter([7, "a"]), np.array([7, "a"], object), pd.Series([7, "a"])):
        assert listed_ids(several) == [7, "a"]
    assert [id_text(one) for one in listed_ids(pa.array([7, None]))] == ["7", None]
    assert [id_text(one) for one in listed_ids(np.array([7.0, 2.5]))] == ["7", "2.5"]


def test_the_rule_is_light_to_import():
    code = "import sys; from ncf_keras.base.ids import id_text; id_text(7.0); print(*sys.modules, sep=',')"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pandas", "tensorflow", "numpy"}.isdisjoint(found.stdout.strip().split(","))
