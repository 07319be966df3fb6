"""Ids in a text log are the texts that they are, whatever they look like: pandas 3.1 makes numbers of some."""

import pytest

from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.options import LogOptions


@pytest.mark.parametrize("ids", [
    ("007", "7", "0"),
    ("1.0", "1", "1e0", "+1", "1.00"),
    ("true", "True", "TRUE", "false"),
    ("inf", "Infinity", "-0", "0"),
    ("9007199254740993", "9007199254740992"),
    ("18446744073709551617", "18446744073709551618"),
    ("9.06E+17", "906000000000000000"),
    ("-62135596800000", "1_000"),
])  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", "::", "\x1e"])
def test_ids_that_look_like_numbers_or_truth_values_stay_texts(tmp_path, ids, delimiter):
    rows = [
        (user, item, "4.5", str(time)) for time, (user, item) in enumerate(zip(ids, reversed(ids), strict=True))
    ]
    file = tmp_path / "log.txt"
    file.write_text("".join(delimiter.join(row) + "\n" for row in rows))
    log = Log.of(file, LogOptions(delimiter=delimiter, header=False)).read()
    assert list(log.user_ids[log.frame["user"]]) == list(ids)
    assert list(log.item_ids[log.frame["item"]]) == list(reversed(ids))
    assert log.frame["rating"].tolist() == [4.5] * len(ids)
    assert log.frame["timestamp"].tolist() == list(range(len(ids)))
