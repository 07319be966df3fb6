"""Files as users of public data sets met them, and what reads each; what is right is put down by hand."""

import pytest

from ncf_keras.cli.prepare import main
from ncf_keras.data import read_dataset
from tests.shared_files import shared

FIRST, SECOND, THIRD = (f"{n * 11111111}-aaaa-4bbb-8ccc-00000000000{n}" for n in (1, 2, 3))
REVIEWS = {"yu_1": ["yb,1", "b2"], "u2": ["b2", "b3"]}
# Of each user the items, in order of time where there are times; the last is held out.
CASES = {
    "reviews.json": ("--user user_id --item business_id --rating stars --timestamp date", REVIEWS),
    "reviews-array.json": ("--user user_id --item business_id --rating stars --timestamp date", REVIEWS),
    "books-latin1.csv": ("--encoding latin-1 --no_timestamps", {
        "900102": ["0099887766", "055667788X"], "900104": ["055667788X", "0044556677"],
        "900105": ["º0099887766", "0044556677", "ó01234567X"], "900106": ["0099887766", "0044556677"],
    }),
    "listens-lone-quotes.tsv": ("--user 1 --item 3 --rating none --timestamp 2", {
        "user_900001": [SECOND, FIRST], "user_900002": [FIRST, SECOND], "user_900003": [FIRST, SECOND],
        "user_900004": [THIRD],
    }),
    "counts-without-header.csv": ("--user 3 --item 4 --rating 2 --no_timestamps", {
        "3101": ["4404", "4606"], "3202": ["4505", "88"], "3303": ["4707", "4404", "4505"],
    }),
    "bookings-with-NULL.csv": ("--user booking_id --item deal_id --timestamp day --missing NULL", {
        "510": ["71", "72"], "511": ["71", "73"],
    }),
    "american-dates.csv": ("--timestamp TRANSACTION_DT --time_format %m/%d/%Y", {
        "00203041": ["8800000000001", "8800000000000"], "00203042": ["8800000000001", "8800000000002"],
        "00203040": ["8800000000003", "8800000000002"],
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_read(tmp_path, capsys, name):
    flags, items = CASES[name]
    arguments = [str(shared(f"cases/{name}")), "--out", str(tmp_path / "d"), "--negatives", "1", *flags.split()]
    assert main(arguments) == 0, capsys.readouterr().err
    assert "Note: " not in capsys.readouterr().err
    dataset = read_dataset(tmp_path, "d")
    test = {
        dataset.user_ids[user]: dataset.item_ids[item]
        for user, item in zip(dataset.test_users, dataset.test_items, strict=True)
    }
    if "--no_timestamps" not in flags:
        assert test == {user: kept[-1] for user, kept in items.items() if len(kept) > 1}
    found = {user: {test[user]} if user in test else set() for user in dataset.user_ids}
    for user, item in zip(dataset.train_users, dataset.train_items, strict=True):
        found[dataset.user_ids[user]].add(dataset.item_ids[item])
    assert found == {user: set(kept) for user, kept in items.items()}
