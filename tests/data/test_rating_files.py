import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset
from tests.shared_files import shared
from tests.small_data import NEGATIVES, SUFFIXES, TEST, TRAIN, write_files

USERS, ITEMS = st.integers(0, 8), st.integers(0, 12)
RATINGS = st.sampled_from(["5", "1", "0", "-1", "0.5", "3.0", "-0.0", "1e-3", "1e3", "+4", ".5", "2.", "1E2"])
INTERACTIONS = st.lists(st.tuples(USERS, ITEMS, RATINGS, st.integers(-5, 2**40)), min_size=1, max_size=30)


def slow_read(paths):
    """Read the files line by line, as the authors' Dataset.py does; counts over all three files."""
    users, items, train = [], [], set()
    for line in paths["train"].read_text().splitlines():
        fields = line.split("\t")
        users.append(int(fields[0]))
        items.append(int(fields[1]))
        if float(fields[2]) > 0:
            train.add((users[-1], items[-1]))
    test = [tuple(map(int, line.split("\t")[:2])) for line in paths["test"].read_text().splitlines()]
    negatives = [list(map(int, line.split("\t")[1:])) for line in paths["negatives"].read_text().splitlines()]
    users += [user for user, _ in test]
    items += [item for _, item in test] + [item for row in negatives for item in row]
    return {
        "sizes": (max(users) + 1, max(items) + 1), "train": sorted(train), "test": test, "negatives": negatives,
    }  # fmt: skip


def as_plain(dataset):
    pairs = zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True)
    return {
        "sizes": (dataset.num_users, dataset.num_items),
        "train": list(pairs),
        "test": list(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True)),
        "negatives": dataset.test_negatives.tolist(),
    }


@given(
    INTERACTIONS, INTERACTIONS, st.integers(1, 5), st.integers(3, 4), st.booleans(), st.booleans(), st.data()
)
def test_equals_a_slow_reader(tmp_path_factory, train, test, width, columns, windows, ends_open, data):
    train = [*train, (3, 4, "1", 0)]
    rows = st.lists(st.lists(ITEMS, min_size=width, max_size=width), min_size=len(test), max_size=len(test))
    negatives = [
        [f"({user},{item})", *row] for (user, item, *_), row in zip(test, data.draw(rows), strict=True)
    ]

    def text(table, columns=None):
        end = "\r\n" if windows else "\n"
        lines = end.join("\t".join(map(str, row[:columns])) for row in table)
        return lines if ends_open else lines + end

    paths = write_files(
        tmp_path_factory.mktemp("data"), "d", text(train, columns), text(test, columns), text(negatives)
    )
    assert as_plain(read_dataset(f"{paths['train'].parent}/", "d")) == slow_read(paths)


def test_a_line_by_hand(tmp_path):
    write_files(tmp_path)
    dataset = read_dataset(f"{tmp_path}/", "small")
    assert isinstance(dataset, Dataset) and dataset.name == "small"
    assert as_plain(dataset) == {
        "sizes": (2, 4),
        "train": [(0, 1), (1, 0)],
        "test": [(0, 2), (1, 2)],
        "negatives": [[0, 3], [1, 3]],
    }


def test_dropped_rows_count_for_the_sizes(tmp_path):
    write_files(tmp_path, train=TRAIN + "7\t9\t0\t0\n")
    dataset = read_dataset(f"{tmp_path}/", "small")
    assert (dataset.num_users, dataset.num_items, dataset.num_train) == (8, 10, 2)


def test_path_and_name_are_joined_as_the_authors_do(tmp_path):
    write_files(tmp_path, "before-small")
    assert read_dataset(f"{tmp_path}/before-", "small").num_train == 2
    write_files(tmp_path)
    assert read_dataset(tmp_path, "small").num_train == read_dataset(str(tmp_path), "small").num_train == 2
    here = os.path.relpath(tmp_path)
    assert read_dataset(here, "small").name == read_dataset(here + "/", "small").name == "small"


@pytest.mark.parametrize("part", SUFFIXES)
def test_a_missing_file_is_named(tmp_path, part):
    paths = write_files(tmp_path)
    paths[part].unlink()
    with pytest.raises(InputError, match=r"--path and --dataset must name .*Received: no file ") as caught:
        read_dataset(f"{tmp_path}/", "small")
    assert str(caught.value).endswith(f"no file {paths[part]}")


@pytest.mark.parametrize("part", SUFFIXES)
@pytest.mark.parametrize("text", ["", "\n", "\n\n"])
def test_an_empty_file_is_named(tmp_path, part, text):
    paths = write_files(tmp_path, **{part: text})
    with pytest.raises(InputError) as caught:
        read_dataset(f"{tmp_path}/", "small")
    assert str(caught.value).startswith(str(paths[part]))


BAD_RATING_LINES = {
    "two columns": ("0\t1", "be `user TAB item TAB rating [TAB timestamp]`. Received: 2 columns"),
    "one column": ("0 1 5", "be `user TAB item TAB rating [TAB timestamp]`. Received: 1 columns"),
    "blank": ("", "be `user TAB item TAB rating [TAB timestamp]`. Received: 1 columns"),
    "letter for a user": ("a\t1\t5\t7", "have a user between 0 and 2147483646. Received: 'a'"),
    "letter for an item": ("0\tb\t5\t7", "have an item between 0 and 2147483646. Received: 'b'"),
    "header": ("user\titem\trating\ttimestamp", "have a user between 0 and 2147483646. Received: 'user'"),
    "negative user": ("-1\t1\t5\t7", "have a user between 0 and 2147483646. Received: '-1'"),
    "negative item": ("0\t-7\t5\t7", "have an item between 0 and 2147483646. Received: '-7'"),
    "exponent in an id": ("1e0\t1\t5\t7", "have a user between 0 and 2147483646. Received: '1e0'"),
    "truth for an id": ("True\t1\t5\t7", "have a user between 0 and 2147483646. Received: 'True'"),
    "float id": ("0\t1.0\t5\t7", "have an item between 0 and 2147483646. Received: '1.0'"),
    "no item": ("0\t\t5\t7", "have an item between 0 and 2147483646. Received: ''"),
    "id of 2**31 - 1": ("0\t2147483647\t5\t7", "have an item between 0 and 2147483646. Received: '2147483647'"),
    "id of 2**63": (
        "9223372036854775808\t1\t5\t7",
        "have a user between 0 and 2147483646. Received: '9223372036854775808'",
    ),
    "id beyond any type": (f"0\t{'9' * 50}\t5\t7", f"Received: '{'9' * 40}'"),
    "quoted id": ('"0"\t1\t5\t7', "have a user between 0 and 2147483646. Received: '\"0\"'"),
    "NaN for a rating": ("0\t1\tnan\t7", "have a number for the rating. Received: 'nan'"),
    "NA for a rating": ("0\t1\tNA\t7", "have a number for the rating. Received: 'NA'"),
    "no rating": ("0\t1\t\t7", "have a number for the rating. Received: ''"),
    "letter for a rating": ("0\t1\tfive\t7", "have a number for the rating. Received: 'five'"),
    "underscore in a rating": ("0\t1\t1_0\t7", "have a number for the rating. Received: '1_0'"),
    "bytes that are no text": ("0\t\udcff\t5\t7", "have an item between 0 and 2147483646. Received: '�'"),
}


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("case", BAD_RATING_LINES)
@pytest.mark.parametrize("number", [2, 3])
def test_a_bad_rating_line_is_named(tmp_path, part, case, number):
    line, rule = BAD_RATING_LINES[case]
    lines = {"train": TRAIN, "test": TEST}[part].splitlines()
    paths = write_files(
        tmp_path, **{part: "\n".join([*lines[: number - 1], line, *lines[number - 1 :]]) + "\n"}
    )
    with pytest.raises(InputError) as caught:
        read_dataset(f"{tmp_path}/", "small")
    message = str(caught.value)
    assert message.startswith(f"{paths[part]}, line {number} must ")
    assert rule in message and "\n" not in message


BAD_NEGATIVE_LINES = {
    "fewer negatives": ("(1,2)\t1", "have as many negatives as the first line, 2. Received: 1"),
    "more negatives": ("(1,2)\t1\t3\t3", "have as many negatives as the first line, 2. Received: 3"),
    "no negatives": ("(1,2)", "have at least one negative. Received: none"),
    "another pair": ("(1,3)\t1\t3", "begin with the pair of the same line of {test}, (1,2). Received: (1,3)"),
    "another user": ("(0,2)\t1\t3", "begin with the pair of the same line of {test}, (1,2). Received: (0,2)"),
    "no pair": ("1\t1\t3", "begin with `(user,item)`. Received: '1'"),
    "pair without brackets": ("1,2\t1\t3", "begin with `(user,item)`. Received: '1,2'"),
    "pair of letters": ("(a,b)\t1\t3", "begin with `(user,item)`. Received: '(a,b)'"),
    "pair of huge ids": ("(99999999999,2)\t1\t3", "begin with `(user,item)`. Received: '(99999999999,2)'"),
    "blank": ("", "begin with `(user,item)`. Received: ''"),
    "letter": ("(1,2)\tx\t3", "have negatives between 0 and 2147483646. Received: 'x'"),
    "negative index": ("(1,2)\t1\t-3", "have negatives between 0 and 2147483646. Received: '-3'"),
    "float": ("(1,2)\t1\t3.0", "have negatives between 0 and 2147483646. Received: '3.0'"),
    "empty": ("(1,2)\t\t3", "have negatives between 0 and 2147483646. Received: ''"),
    "huge": ("(1,2)\t1\t2147483647", "have negatives between 0 and 2147483646. Received: '2147483647'"),
    "beyond any type": (f"(1,2)\t1\t{'9' * 30}", f"between 0 and 2147483646. Received: '{'9' * 30}'"),
}


@pytest.mark.parametrize("case", BAD_NEGATIVE_LINES)
def test_a_bad_line_of_negatives_is_named(tmp_path, case):
    line, rule = BAD_NEGATIVE_LINES[case]
    paths = write_files(tmp_path, negatives=f"{NEGATIVES.splitlines()[0]}\n{line}\n")
    with pytest.raises(InputError) as caught:
        read_dataset(f"{tmp_path}/", "small")
    message = str(caught.value)
    assert message.startswith(f"{paths['negatives']}, line 2 must ")
    assert rule.format(test=paths["test"]) in message


def test_files_without_any_negative_are_refused(tmp_path):
    paths = write_files(tmp_path, negatives="(0,2)\n(1,2)\n")
    with pytest.raises(InputError, match=r"line 1 must have at least one negative\. Received: none") as caught:
        read_dataset(f"{tmp_path}/", "small")
    assert str(caught.value).startswith(str(paths["negatives"]))


@pytest.mark.parametrize(("test", "lines"), [(TEST + "0\t3\t1\t1\n", 3), (TEST.splitlines()[0] + "\n", 1)])
def test_a_test_file_of_another_length_is_named_with_both_lengths(tmp_path, test, lines):
    paths = write_files(tmp_path, test=test)
    with pytest.raises(InputError) as caught:
        read_dataset(f"{tmp_path}/", "small")
    assert str(caught.value) == (
        f"{paths['negatives']} must have one line for each line of {paths['test']}. "
        f"Received: 2 and {lines} lines"
    )


def test_ratings_that_are_all_dropped_are_refused(tmp_path):
    paths = write_files(tmp_path, train="0\t1\t0\n1\t2\t-4\n")
    with pytest.raises(InputError) as caught:
        read_dataset(f"{tmp_path}/", "small")
    assert str(caught.value) == f"{paths['train']} must hold at least one rating above 0. Received: none"


def test_what_stands_behind_the_rating_is_not_read(tmp_path):
    write_files(tmp_path, train="0\t1\t5\n1\t0\t4\tyesterday\tat \udcff\t\n0\t0\t1\t\n")
    assert read_dataset(f"{tmp_path}/", "small").num_train == 3


@pytest.mark.parametrize("part", ["train", "negatives"])
def test_a_bad_line_deep_in_a_large_file_is_named_without_a_warning(tmp_path, part):
    lines = 30_000
    line = {"train": "0\tx\t5\n", "negatives": "(1,2)" + "\tx" * 40 + "\n"}[part]
    good = {
        "train": "0\t1\t5\n" * lines,
        "test": "1\t2\t5\n" * (lines + 1),
        "negatives": ("(1,2)" + "\t3" * 40 + "\n") * lines,
    }
    if part == "train":
        good["test"], good["negatives"] = TEST, NEGATIVES
    paths = write_files(tmp_path, **(good | {part: good[part] + line}))
    with pytest.raises(InputError) as caught:
        read_dataset(f"{tmp_path}/", "small")
    assert str(caught.value).startswith(f"{paths[part]}, line {lines + 1} must have ")


@given(
    st.sampled_from(sorted(SUFFIXES)),
    st.integers(0, 40),
    st.integers(0, 3),
    st.text(st.sampled_from("0129-+.,()\t\n\r\"' eEnaxX_#\0ÿ\udc80\ufeff"), max_size=4),
)
def test_whatever_is_in_a_file_it_is_read_or_refused_by_name(tmp_path_factory, part, start, removed, inserted):
    directory = tmp_path_factory.mktemp("data")
    text = {"train": TRAIN, "test": TEST, "negatives": NEGATIVES}[part]
    paths = write_files(directory, **{part: text[:start] + inserted + text[start + removed :]})
    try:
        dataset = read_dataset(f"{directory}/", "small")
    except InputError as error:
        assert str(directory) in str(error)
    else:
        assert 0 < dataset.num_train <= len(paths["train"].read_bytes().splitlines())


def test_movielens_has_the_counts_of_the_paper():
    dataset = read_dataset(f"{shared('data/ml-1m.train.rating').parent}/", "ml-1m")
    assert (dataset.num_users, dataset.num_items) == (6040, 3706)
    assert (dataset.num_train, dataset.num_test) == (994_169, 6040)
    assert dataset.test_negatives.shape == (6040, 99)
    assert len(np.unique(dataset.train_items)) == 3704
    among_own_negatives = (dataset.test_negatives == dataset.test_items[:, None]).any(axis=1)
    assert among_own_negatives.sum() == 156
