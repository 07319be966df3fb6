import numpy as np
import pytest
from explicit_ratings.errors import mean_absolute_error, root_mean_squared_error
from explicit_ratings.ratings import Ratings, read_ratings, split_ratings

from ncf_keras.base.errors import InputError
from tests.shared_files import shared


def rows(ratings):
    return list(zip(ratings.users.tolist(), ratings.items.tolist(), ratings.values.tolist(), strict=True))


@pytest.fixture
def ratings():
    users, items = np.divmod(np.arange(40, dtype=np.int32), 8)
    return Ratings(5, 8, users, items, np.arange(40, dtype=np.float32) / 8)


def test_errors_by_hand_and_of_so_many_ratings_that_a_float32_sum_would_be_off_in_the_third_digit():
    predicted, given = np.array([1.0, 2.0, 4.0], np.float32), np.array([2.0, 2.0, 1.0], np.float32)
    assert root_mean_squared_error(predicted, given) == pytest.approx((10 / 3) ** 0.5)
    assert mean_absolute_error(predicted, given) == pytest.approx(4 / 3)
    predicted = np.full(2_000_000, 0.1, np.float32)
    for error in (root_mean_squared_error, mean_absolute_error):
        assert error(predicted, np.zeros_like(predicted)) == pytest.approx(0.1, rel=1e-6)


def test_a_log_keeps_its_ratings(tmp_path):
    file = tmp_path / "ratings.dat"
    file.write_text("7::a::3.5::10\n9::b::0::11\n7::b::-1e9::12\n9::a::1e9::13\n")
    ratings = read_ratings(file)
    assert rows(ratings) == [(0, 0, 3.5), (1, 1, 0.0), (0, 1, -1e9), (1, 0, 1e9)]
    assert list(ratings.user_ids) == ["7", "9"] and list(ratings.item_ids) == ["a", "b"]
    assert ratings.users.dtype == ratings.items.dtype == np.int32 and ratings.values.dtype == np.float32


@pytest.mark.parametrize(("name", "text", "where"), [
    ("log.csv", "user,item,rating\nu,p,3\n\nv,,2\nu,q,-2e9\n", ", line 5 .* '-2e9'"),
    ("log.dat", "u::p::3::1\nu::q::1e308::2\n", ", line 2 .* '1e308'"),
    ("log.csv", 'user,item,rating\n"u\n",p,3\nv,q,1000000001\n', ", line 4 .* '1000000001'"),
])  # fmt: skip
def test_a_rating_too_large_to_learn_from_is_refused_with_its_line(tmp_path, name, text, where):
    file = tmp_path / name
    file.write_text(text)
    pattern = where.replace(" .* ", r" must have a rating from -1000000000 to 1000000000\. Received: ")
    with pytest.raises(InputError, match=f"{name}{pattern}$"):
        read_ratings(file)


def test_movielens_100k_is_read_as_it_is():
    ratings = read_ratings(shared("data/ml-100k.u.data"))
    assert (len(ratings), ratings.num_users, ratings.num_items) == (100_000, 943, 1682)
    # As the README of ML-100K and many papers have it.
    assert ratings.values.mean(dtype=np.float64) == pytest.approx(3.52986)
    assert np.unique(ratings.values).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("share", "count"), [(0.1, 4), (0.5, 20), (1e-6, 1), (0.999999, 39)])
def test_a_split_is_a_partition_that_the_seed_decides(ratings, share, count):
    rest, drawn = split_ratings(ratings, share, seed=1)
    assert len(drawn) == count and sorted(rows(rest) + rows(drawn)) == sorted(rows(ratings))
    assert (rest.num_users, rest.num_items) == (drawn.num_users, drawn.num_items) == (5, 8)
    same, other = (rows(split_ratings(ratings, share, seed)[1]) for seed in (1, 2))
    assert rows(drawn) == same != other


def test_every_rating_is_as_likely_to_be_held_out(ratings):
    counts = np.zeros(40)
    for seed in range(400):
        counts[(split_ratings(ratings, 0.25, seed)[1].values * 8).astype(int)] += 1
    assert counts.sum() == 4000 and counts.min() > 60 and counts.max() < 140


@pytest.mark.parametrize(("make", "message"), [
    (lambda r: split_ratings(r, 1.0, 1), r"`share` must be above 0 and below 1\. Received: 1\.0"),
    (lambda r: split_ratings(r.part(np.arange(1)), 0.5, 1), r"must be at least two\. Received: 1"),
    (lambda r: Ratings(4, 8, r.users, r.items, r.values), r"`users` must be between 0 and 3\. Received: 4"),
    (lambda r: Ratings(5, 7, r.users, r.items, r.values), r"`items` must be between 0 and 6\. Received: 7"),
    (lambda r: Ratings(5, 8, r.users[1:], r.items, r.values), r"must be of one length\. Received: 39, 40"),
    (lambda r: Ratings(5, 8, r.users, r.items, r.values / 0), r"`values` must be finite"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_breaks_a_rule_is_named(ratings, make, message):
    with pytest.raises(InputError, match=message):
        make(ratings)
