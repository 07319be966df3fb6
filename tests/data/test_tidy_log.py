"""Ids, ratings and timestamps of every dtype, against values written by hand."""

import datetime
import uuid
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data.tidy_log import encode, tidy_log

pa = pytest.importorskip("pyarrow")

DAY = 86_400_000_000_000
JAN_1 = 1_577_836_800_000_000_000  # 2020-01-01 in nanoseconds
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
SEOUL = datetime.timezone(datetime.timedelta(hours=9))


def column(values, dtype=None):
    return pd.Series(values, dtype=dtype)


def arrow(values, kind):
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


def dates(*texts, **zone):
    found = pd.Series(pd.to_datetime(list(texts)))
    return found.dt.tz_localize(**zone) if zone else found


def of(role, values, **options):
    """Return the log of a column as `role`, beside ids that are all there."""
    count = len(values)
    series = {"user": pd.Series(range(count)), "item": pd.Series(range(count))} | {role: values}
    return tidy_log(series, "row {}".format, **options)


def ids_of(log):
    return [log.user_ids[index] for index in log.frame["user"]]


@pytest.mark.parametrize(("values", "texts"), [
    (column([7, 8, 7]), ["7", "8", "7"]),
    (column([7.0, np.nan, 7.5]), ["7", "7.5"]),
    (column([7, 8], "float32"), ["7", "8"]),
    (column([7, 8], "float16"), ["7", "8"]),
    (column([2**63], "uint64"), ["9223372036854775808"]),
    (column(np.array([7, 8], ">i4")), ["7", "8"]),
    (column([7, None], "Int64"), ["7"]),
    (column([7, None], "Float64"), ["7"]),
    (column([True, False]), ["True", "False"]),
    (column([True, None], "boolean"), ["True"]),
    (column(["7", None, " 7", ""], "string[python]"), ["7", "7"]),
    (column(["7", None, " 7"], "string[pyarrow]"), ["7", "7"]),
    (column(["7", "07"], "category"), ["7", "07"]),
    (column([7.0, None, 8.0], "category"), ["7", "8"]),
    (column([True, None], "category"), ["True"]),
    (column(pd.Categorical(dates("2020-01-01"))), ["2020-01-01 00:00:00"]),
    (arrow([7, None], pa.int64()), ["7"]),
    (arrow([7.0, 2.5], pa.float64()), ["7", "2.5"]),
    (arrow(["a", None, "a"], pa.large_string()), ["a", "a"]),
    (arrow([b"caf\xc3\xa9"], pa.binary()), ["café"]),
    (arrow([True], pa.bool_()), ["True"]),
    (arrow([Decimal("7.00"), Decimal("7.50"), None], pa.decimal128(5, 2)), ["7", "7.5"]),
    (arrow(["x", None, "y"], pa.dictionary(pa.int32(), pa.string())), ["x", "y"]),
    (arrow([datetime.date(2020, 1, 1)], pa.date32()), ["2020-01-01"]),
    (dates("2020-01-01", "2020-01-02"), ["2020-01-01 00:00:00", "2020-01-02 00:00:00"]),
    (column(pd.period_range("2020-01", periods=2, freq="M")), ["2020-01", "2020-02"]),
    (column(pd.to_timedelta(["1D"])), ["1 days 00:00:00"]),
    (column(pd.interval_range(0, 1)), ["(0, 1]"]),
    (column([1j]), ["1j"]),
    (column(pd.arrays.SparseArray([0, 7, 0])), ["0", "7", "0"]),
    (column(pd.arrays.SparseArray([np.nan, 7.0])), ["7"]),
    (column([b"7", "7", 7, 7.0, Decimal(7), np.int8(7), Fraction(7), np.longdouble(7)], object), ["7"] * 8),
    (column([UUID]), [str(UUID)]),
    # Equal to each other, and different ids all the same.
    (column([1, True, 1.0, "1", "True", False, 0, -0.0], object),
     ["1", "True", "1", "1", "True", "False", "0", "0"]),
    (column([True, 1], object), ["True", "1"]),
    (column([10**22, 1e22, 10**22], object), [str(10**22), "1e+22", str(10**22)]),
    (column([np.bool_(True), None, np.int64(1), pd.NA, float("nan"), pd.NaT], object), ["True", "1"]),
    (column(["NULL", "nan", "None"], object), ["NULL", "nan", "None"]),
])  # fmt: skip
def test_ids_of_every_dtype(values, texts):
    log = of("user", values)
    assert ids_of(log) == texts
    assert log.missing == {"user": len(values) - len(texts), "item": 0}
    assert list(log.user_ids) == list(dict.fromkeys(texts))


@pytest.mark.parametrize("values", [
    column([[1], [2]]), column([{"a": 1}]), column([np.array([1, 2])]), column([{1}, 2], object),
    arrow([[1], [2]], pa.list_(pa.int64())), arrow([{"a": 1}], pa.struct([("a", pa.int64())])),
])  # fmt: skip
def test_a_column_of_lists_is_no_column_of_ids(values):
    with pytest.raises(
        InputError, match=r"`user` must be a column of single values\. Received: a column of lists"
    ):
        of("user", values)


@given(st.lists(st.sampled_from([True, False, 1, 0, 1.0, 0.5, "1", "True", None, Decimal(1), b"1", "0", -0.0])))
def test_mixed_objects_are_numbered_as_by_a_dictionary_of_texts(values):
    # Written out by hand, so that nothing of the rule is used.
    texts = [
        {bool: str, str: str, bytes: bytes.decode, type(None): lambda _: None}
        .get(type(value), lambda number: "0.5" if number == 0.5 else str(int(number)))(value)
        for value in values
    ]  # fmt: skip
    index_of = {}
    expected = [-1 if text is None else index_of.setdefault(text, len(index_of)) for text in texts]
    indices, ids = encode(pd.Series(values, dtype=object), "user")
    assert indices.tolist() == expected and list(ids) == list(index_of)


TRUTHS = ["True", "False", "true", "FALSE", " True "]


@pytest.mark.parametrize(("values", "numbers"), [
    (column([5, 3], "int8"), [5, 3]),
    (column([2.5, np.nan]), [2.5]),
    (column([2.5, 3], "float16"), [2.5, 3]),
    (column([5, None], "Int64"), [5]),
    (column([2.5, None], "Float64"), [2.5]),
    (column([True, None], "boolean"), [1]),
    (column([True, False]), [1, 0]),
    (column([True, 2, None], object), [1, 2]),
    (column([True, "false", None, "3"], object), [1, 0, 3]),
    (column(TRUTHS), [1, 0, 1, 0, 1]),
    (column(TRUTHS, "category"), [1, 0, 1, 0, 1]),
    (column(["True", None, "2.5", "NaN", "null"], "string[pyarrow]"), [1, 2.5]),
    (column(["4", " 3 ", "1e1", ""], "string[python]"), [4, 3, 10]),
    (column([5, 3, None], "category"), [5, 3]),
    (column([b"4", b"true", b"NULL"], object), [4, 1]),
    (column([Decimal("2.5"), np.float32(0.5), np.int8(3)], object), [2.5, 0.5, 3]),
    (arrow([5, None], pa.int64()), [5]),
    (arrow([True, None, False], pa.bool_()), [1, 0]),
    (arrow([Decimal("2.50"), None], pa.decimal128(5, 2)), [2.5]),
    (arrow(["5", "true", None], pa.dictionary(pa.int8(), pa.string())), [5, 1]),
    (column(pd.arrays.SparseArray([np.nan, 4.0])), [4]),
])  # fmt: skip
def test_ratings_of_every_dtype(values, numbers):
    before = values.copy(deep=True)
    log = of("rating", values)
    assert log.frame["rating"].tolist() == numbers and log.frame["rating"].dtype == np.float64
    assert log.missing["rating"] == len(values) - len(numbers)
    pd.testing.assert_series_equal(values, before)


@pytest.mark.parametrize(("role", "values", "received"), [
    *((role, values, received) for role in ("rating", "timestamp") for values, received in (
        (column(pd.to_timedelta(["1D"])), "time differences"),
        (arrow([datetime.timedelta(1)], pa.duration("us")), "time differences"),
        (column([1j, 2]), "complex numbers"),
        (column(pd.interval_range(0, 1)), "intervals"),
        (column(pd.Categorical(pd.to_timedelta(["1D"]))), "time differences"),
    )),
    ("rating", dates("2020-01-01"), "dates"),
    ("rating", dates("2020-01-01", tz="UTC"), "dates"),
    ("rating", column(pd.period_range("2020", periods=1)), "periods"),
    ("timestamp", column([True, False]), "truth values"),
    ("timestamp", column([True, None], "boolean"), "truth values"),
])  # fmt: skip
def test_a_column_that_holds_no_such_thing_is_refused(role, values, received):
    with pytest.raises(
        InputError, match=rf"^`{role}` must be a column of .*\. Received: a column of {received}$"
    ):
        of(role, values)


NO_NUMBERS = (
    datetime.timedelta(1), np.timedelta64(1, "D"), pd.Timedelta(1), 1j, np.complex128(1), pd.Interval(0, 1),
    "yes", [5], {}, UUID, 10**400, "1_000",
)  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_an_object_that_is_no_rating_or_timestamp_is_named_with_its_row(value):
    values = column([3, value], object)
    with pytest.raises(InputError, match=r"^row 1 must have a finite number for the rating"):
        of("rating", values)
    with pytest.raises(InputError, match=r"^row 1 must have a number or an ISO 8601 date for the timestamp"):
        of("timestamp", values)
    for odd in (datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), pd.Period("2020"), datetime.time(1)):
        with pytest.raises(InputError, match=r"^row 1 must have a finite number for the rating"):
            of("rating", column([3, odd], object))
    with pytest.raises(InputError, match=r"^row 1 must have a number or an ISO"):
        of("timestamp", column([3, True], object))


@pytest.mark.parametrize(("values", "numbers"), [
    (column([3, 2], "uint8"), [3, 2]),
    (column([2**53 + 1, None], "Int64"), [2**53 + 1]),
    (column([2**53 + 1, None], object), [2**53 + 1]),
    (column([2.5, None], "Float64"), [2.5]),
    (column(["3", "NULL", "2"]), [3, 2]),
    (column([3, None], "category"), [3]),
    (column([b"3", b"2"], object), [3, 2]),
    (arrow([2**53 + 1, None], pa.int64()), [2**53 + 1]),
    (arrow([Decimal("2.5")], pa.decimal128(5, 1)), [2.5]),
    (column(pd.arrays.SparseArray([0, 7])), [0, 7]),
])  # fmt: skip
def test_timestamps_that_are_numbers(values, numbers):
    log = of("timestamp", values)
    assert log.frame["timestamp"].tolist() == numbers
    assert log.missing["timestamp"] == len(values) - len(numbers)


@pytest.mark.parametrize("values", [
    dates("2020-01-02", "2020-01-01"),
    dates("2020-01-02T09:00", "2020-01-01T09:00", tz="Asia/Seoul"),
    column(["2020-01-02", "2020-01-01"]),
    column(["2020-01-02T09:00:00+0900", "2019-12-31T19:00:00-05:00"]),
    column(["2020-01-02T09:00:00+0900", "2020-01-01 00:00:00"]),
    column(["20200102T09+0900", "20200101T000000.000"]),
    column([" 2020-01-01T19:00:00.000000000-05:00", " 2020-01-01T00:00"]),
    column(["2020-01-02", "2020-01-01"], "category"),
    column(["2020-01-02", "2020-01-01"], "string[python]"),
    column(["2020-01-02", "2020-01-01"], "string[pyarrow]"),
    column([b"2020-01-02", b"2020-01-01"], object),
    column([datetime.date(2020, 1, 2), pd.Timestamp("2020-01-01")], object),
    column([datetime.datetime(2020, 1, 2, 9, tzinfo=SEOUL), datetime.datetime(2020, 1, 1)], object),
    column([np.datetime64("2020-01-02"), np.datetime64("2020-01-01")], object),
    column(pd.Categorical(dates("2020-01-02", "2020-01-01"))),
    column(pd.PeriodIndex(["2020-01-02", "2020-01-01"], freq="D")),
    arrow([datetime.datetime(2020, 1, 2), datetime.datetime(2020, 1, 1)], pa.timestamp("us")),
    arrow([datetime.datetime(2020, 1, 2, 9, tzinfo=SEOUL), datetime.datetime(2020, 1, 1, 9, tzinfo=SEOUL)],
          pa.timestamp("ms", "Asia/Seoul")),
    arrow([datetime.date(2020, 1, 2), datetime.date(2020, 1, 1)], pa.date32()),
    arrow(["2020-01-02", "2020-01-01"], pa.dictionary(pa.int8(), pa.string())),
])  # fmt: skip
def test_timestamps_that_are_dates(values):
    assert in_nanoseconds(of("timestamp", values)) == [JAN_1 + DAY, JAN_1]
    with_gap = pd.concat([values, values.iloc[:1]], ignore_index=True).astype(values.dtype)
    with_gap.iloc[1] = None
    log = of("timestamp", with_gap)
    assert in_nanoseconds(log) == [JAN_1 + DAY] * 2 and log.missing["timestamp"] == 1


def in_nanoseconds(log):
    return log.frame["timestamp"].astype("datetime64[ns]").astype(np.int64).tolist()


@pytest.mark.parametrize(("form", "values", "days"), [
    ("%m/%d/%Y", column(["01/02/2020", None, "1/1/2020", "NULL"]), [1, 0]),
    ("%d/%m/%Y", column(["02/01/2020", " 1/1/2020 "], "category"), [1, 0]),
    ("%Y%m%d", column([20200102, 20200101]), [1, 0]),
    ("%Y%m%d", column([20200102, None, 20200101]), [1, 0]),
    ("%Y%m%d", column([20200102, None, 20200101], "Int64"), [1, 0]),
    ("%Y%m%d", column([20200102.0, "20200101", None, 20200101], object), [1, 0, 0]),
    ("%Y%m%d", arrow([20200102, 20200101], pa.int64()), [1, 0]),
    ("%a %b %d %H:%M:%S %z %Y",
     column(["Wed Jan 01 19:00:00 -0500 2020", "Wed Jan 01 09:00:00 +0900 2020"]), [1, 0]),
    ("%m/%d/%Y %z", column(["01/02/2020 +0000", "01/01/2020 +0000"]), [1, 0]),
    ("%m/%d/%Y", dates("2020-01-02", "2020-01-01"), [1, 0]),
])  # fmt: skip
def test_timestamps_of_a_form_that_is_named(form, values, days):
    log = of("timestamp", values, time_format=form)
    assert in_nanoseconds(log) == [JAN_1 + DAY * day for day in days]
    assert log.missing["timestamp"] == len(values) - len(days)


@pytest.mark.parametrize(
    "form", ["", "mixed", "ISO8601", "%", "%q", "%Y %Y", "%-d/%m/%Y", "%G-%V", "%s", 7, b"%Y", "%Y" * 999]
)
def test_what_is_no_form_of_dates(form):
    with pytest.raises(
        InputError, match=r"^`time_format` must be a form of dates .* '%m/%d/%Y'\. Received: .{1,40}$"
    ):
        of("timestamp", column(["2020-01-01"]), time_format=form)


def test_a_value_of_another_form_is_named_with_its_row_and_the_form():
    words = r"^row 2 must have a time of the form '%m/%d/%Y' \(`time_format`\) for .* Received: '13/01/2020'$"
    with pytest.raises(InputError, match=words):
        of("timestamp", column(["01/13/2020", None, "13/01/2020"]), time_format="%m/%d/%Y")


@pytest.mark.parametrize(("values", "form"), [
    (["11/13/2005", "1/2/2005"], "%m/%d/%Y"),
    (["1/2/2005", "13/11/2005"], "%d/%m/%Y"),
    (["09 13, 2009", "1 2, 2010"], "%m %d, %Y"),
    (["Tue Jan 02 10:11:12 -0800 2007"], "%a %b %d %H:%M:%S %z %Y"),
    (["11/11/2019 9:05:58 AM", "12/31/2019 11:59:00 PM"], "%m/%d/%Y %I:%M:%S %p"),
    (["11/13/2005 09:05:58 PM"], "%m/%d/%Y %I:%M:%S %p"),
    (["Sat, 12 Nov 2005 10:11:12 GMT", "Sun, 13 Nov 2005 10:11:12 GMT"], "%a, %d %b %Y %H:%M:%S GMT"),
    (["2019-10-01 00:00:00 UTC", "2019-10-01 00:00:01 UTC"], "%Y-%m-%d %H:%M:%S UTC"),
    (["5 JAN 2005", "31 dec 2005"], "%d %b %Y"),
    (["31.01.2005 10:11", "01.02.2005 10:11"], "%d.%m.%Y %H:%M"),
    (["January 5, 2005"], "%B %d, %Y"),
    (["13/11/05", "1/2/05"], "%d/%m/%y"),
])  # fmt: skip
def test_the_form_that_fits_all_dates_is_proposed_and_leads_on(values, form):
    for dates_of_log in (column(values), column([*values, None], object), column(values, "category")):
        with pytest.raises(InputError) as refused:
            of("timestamp", dates_of_log)
        proposal = f"(`time_format` says another form, such as '{form}'). Received: '{values[0]}'"
        assert (
            str(refused.value) == f"row 0 must have a number or an ISO 8601 date for the timestamp {proposal}"
        )
        assert len(of("timestamp", dates_of_log, time_format=form).frame) == len(values)


@pytest.mark.parametrize("values", [["soon"], ["11/13/2005", "13/11/2005"], ["2005-01-01", "x"], ["\ud800"]])
def test_nothing_is_proposed_where_no_form_fits_all(values):
    with pytest.raises(InputError, match=r"an ISO 8601 date for the timestamp\. Received"):
        of("timestamp", column(values, object))


def test_texts_that_are_declared_missing_are_dropped_from_every_column():
    series = {
        "user": column(["a", "NULL", " NULL ", "null", "b", "c", "d"]),
        "item": column(["x", "x", "x", "-", "-", "y", "z"]),
        "rating": column(["5", "1", "1", "2", "1", "-1.0", "3"]),
        "timestamp": column(["2020-01-01", "2020-01-01", "", "2020-01-02", "2020-01-01", "2020-01-01", "?"]),
    }
    log = tidy_log(series, str, missing=("NULL", "-", " -1", "?", ""))
    assert log.missing == {"user": 2, "item": 2, "rating": 1, "timestamp": 1}
    assert ids_of(log) == ["a"] and list(log.user_ids) == ["a", "null", "b", "c", "d"]
    assert log.suspects == {"user": {"null": 1}, "item": {}}
    assert tidy_log({"user": column(["NULL"]), "item": column([1])}, str, missing="NULL").missing["user"] == 1


@pytest.mark.parametrize(("role", "values", "left"), [
    ("rating", column([5.0, -1.0, np.nan]), [5]),
    ("rating", column([5, -1], "Int64"), [5]),
    ("timestamp", column([5, -1]), [5]),
    ("timestamp", column([5.5, -1.0, np.nan]), [5.5]),
    ("timestamp", column(["5", "-1"]), [5]),
    ("user", column([5, -1]), ["5"]),
    ("user", column([5.0, -1.0]), ["5"]),
])  # fmt: skip
def test_numbers_that_are_declared_missing(role, values, left):
    log = of(role, values, missing=["-1", "NULL"])
    assert (ids_of(log) if role == "user" else log.frame[role].tolist()) == left
    assert log.missing[role] == len(values) - 1


def test_a_date_that_is_declared_missing():
    for values in (dates("1900-01-01", "2020-01-01"), column(["1900-01-01", "2020-01-01"])):
        assert in_nanoseconds(of("timestamp", values, missing=["1900-01-01"])) == [JAN_1]


def test_ids_that_read_as_missing_are_counted_by_their_text():
    texts = ["NULL", "NULL", "null", "a", "\\N", "N/A", "na", "NaN", "none", "nada", "Nan", None, ""]
    log = tidy_log({"user": column(texts, object), "item": column(range(len(texts)))}, str, missing=["na"])
    assert log.suspects == {
        "user": {"NULL": 2, "null": 1, "\\N": 1, "N/A": 1, "NaN": 1, "none": 1, "Nan": 1}, "item": {},
    }  # fmt: skip
    assert log.missing["user"] == 3
