"""A dataset that is prepared again and again, and a model of it on Python lists that an index never betrays."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ncf_keras.base import staging
from ncf_keras.base.errors import InputError
from ncf_keras.data import read_dataset
from ncf_keras.data.dataset_files import prepared_paths
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.earlier import read_earlier
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.states import FORGOTTEN
from ncf_keras.data.tidy_log import tidy_log
from tests.data.slow_prepare import Refused, slow_prepare
from tests.data.slow_time_split import slow_time_split, time_of

USERS, ITEMS = "abcdefg", "opqrstuvwxyz"
ROWS = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS), st.sampled_from("0135")), min_size=1, max_size=25
)
MINIMA = st.tuples(st.integers(1, 2), st.integers(1, 3))
SOME_USERS = st.sets(st.sampled_from([*USERS, "nobody"]), max_size=2)
PREFIX = "d"
# Of the interactions before the cut of a split in time.
SHARE = 0.7


class Killed(BaseException):
    """What ends a process at once, as far as the files are concerned."""


@contextlib.contextmanager
def killed_before(number):
    """Let a process die before it gives a file its name for the `number`th time, and leave what it wrote."""
    rename, count = Path.replace, iter(range(1, 100))

    def replace(path, target):
        if next(count) == number:
            raise Killed
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        patch.setattr(staging.shutil, "rmtree", lambda *_, **__: None)
        with contextlib.suppress(Killed):
            yield


def log_of(rows, has_time):
    names = ["user", "item", "rating", "timestamp"]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {name: [] for name in names}
    series = {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    if not has_time:
        del series["timestamp"]
    return tidy_log(series, str)


class StableIds(RuleBasedStateMachine):
    """Appends, whole logs, filters, deletions and kills in any order: an index never changes its raw id."""

    @initialize(
        rows=ROWS,
        way=st.sampled_from(["random", "latest", "in time"]),
        keep=st.sampled_from(["first", "last"]),
    )
    def begin(self, rows, way, keep):
        self.directory = Path(tempfile.mkdtemp(prefix="stable-ids-"))
        self.has_time, self.in_time, self.keep, self.time = way != "random", way == "in time", keep, 0
        self.rows, self.forgotten, self.split = [], set(), None
        # What the present files must say: raw ids, in the order of their indices.
        self.ids: tuple[list, list] = ([], [])
        pairs = ("ao", "ap", "aq", "bo", "bp", "bq", "cr", "cs")
        if self.in_time:
            pairs = ("ao", "bp", "cq", "dr", "aq", "bo", "cr", "as")
        core = [(user, item, "5") for user, item in pairs]
        self._prepare(self._timed([*core, *rows]), (1, 1), first=True)
        # Unless two users happen to have every item.
        assume(self.split)

    def teardown(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    @rule(rows=ROWS, minima=st.none() | MINIMA, forget=SOME_USERS)
    def append(self, rows, minima, forget):
        self._prepare(self._timed(rows), minima, append=True, forget=forget)

    @rule(rows=ROWS, minima=st.none() | MINIMA, forget=SOME_USERS, data=st.data())
    def prepare_the_whole_log(self, rows, minima, forget, data):
        """Some of the rows that there were, and new ones."""
        stays = data.draw(st.lists(st.booleans(), min_size=len(self.rows), max_size=len(self.rows)))
        old = [row for row, kept in zip(self.rows, stays, strict=True) if kept]
        self._prepare(old + self._timed(rows), minima, forget=forget)

    @rule(minima=st.none() | MINIMA, forget=SOME_USERS)
    def append_nothing(self, minima, forget):
        self._prepare([], minima, append=True, forget=forget)

    @rule(rows=ROWS, minima=st.none() | MINIMA, forget=SOME_USERS, number=st.integers(1, 8))
    def append_and_be_killed(self, rows, minima, forget, number):
        old = self._files()
        new = self._timed(rows)
        with killed_before(number), contextlib.suppress(InputError, Refused):
            self._make(new, minima, True, forget, False)
        found = self._files()
        if found != old:
            report = found[".json"]
            try:
                read_dataset(self.directory, PREFIX)
            except InputError as error:
                assert "of another run" in str(error) or "no such file" in str(error)
            else:
                assert report != old[".json"]
        # Running again heals, in the same place.
        self._prepare(new, minima, append=True, forget=forget)

    @invariant()
    def the_files_are_as_the_model_says(self):
        if not self.split:
            return
        dataset = read_dataset(self.directory, PREFIX)
        assert (list(dataset.user_ids), list(dataset.item_ids)) == self.ids
        train = self._named(dataset.train_users, dataset.train_items, dataset)
        test = self._named(dataset.test_users, dataset.test_items, dataset)
        assert not train & test
        cold = (
            set()
            if dataset.cold_users is None
            else self._named(dataset.cold_users, dataset.cold_items, dataset)
        )
        assert not cold & (train | test) and (self.in_time or not cold)
        known = train if self.in_time else train | test
        users, items = ({pair[side] for pair in known} for side in (0, 1))
        assert {user for user, active in zip(self.ids[0], dataset.active_users, strict=True) if active} == users
        assert {item for item, active in zip(self.ids[1], dataset.active_items, strict=True) if active} == items
        states = [0] * len(self.ids[0]) if dataset.user_states is None else dataset.user_states
        gone = {user for user, state in zip(self.ids[0], states, strict=True) if state == FORGOTTEN}
        assert gone == self.forgotten & set(self.ids[0])
        for user, drawn in zip(dataset.test_users, dataset.test_negatives, strict=True):
            names = [self.ids[1][item] for item in drawn]
            assert len(set(names)) == len(names) and set(names) <= items
            assert not {(self.ids[0][user], name) for name in names} & (train | test | cold)
        for path in prepared_paths(self.directory / PREFIX).values():
            if path.suffix == ".csv" and path.exists() and "waiting" in path.name:
                assert not {line.split(",")[0].strip('"') for line in path.read_text().splitlines()} & gone

    def _prepare(self, rows, minima, append=False, forget=(), first=False):
        """Prepare, and let the model follow; where the files stay, the reason is one that it knows."""
        before, old = self._files(), self.split
        history = self.rows + rows if append else rows
        gone = self.forgotten | {
            user for user in forget if user in self.ids[0] or user in {row[0] for row in history}
        }
        try:
            minima = self._make(rows, minima, append, forget, first)
        except InputError:
            assert self._files() == before
            if self.has_time:
                with pytest.raises(Refused):
                    self._expected(history, gone, minima or self.minima)
            return
        expected = self._expected(history, gone, minima)
        # Low ratings are dropped for good.
        self.rows = [row for row in history if row[0] not in gone and row[2] > "0"]
        self.minima, self.forgotten = minima, gone
        dataset = read_dataset(self.directory, PREFIX)
        self._learn_ids(dataset, expected, first, [user for user in sorted(forget) if user in gone])
        train = self._named(dataset.train_users, dataset.train_items, dataset)
        test = self._named(dataset.test_users, dataset.test_items, dataset)
        if self.in_time:
            parts = self._divided(expected)
            assert train == {row[:2] for row in parts.train} and test == {row[:2] for row in parts.warm}
            cold = (
                [] if dataset.cold_users is None else zip(dataset.cold_users, dataset.cold_items, strict=True)
            )
            names = {(self.ids[0][user], self.ids[1][item]) for user, item in cold}
            assert names == {row[:2] for row in parts.cold}
            self.split = (train, test)
            return
        pairs = {(user, item) for user, mine in expected.train.items() for item in mine}
        pairs |= set(expected.test.items())
        assert train | test == pairs
        if self.has_time:
            assert test == set(expected.test.items())
        elif old is not None:
            self._check_newer(dict(test), pairs, *old)
        self.split = (train, dict(test))

    def _make(self, rows, minima, append, forget, first):
        earlier = None if first else read_earlier(self.directory, PREFIX)
        split = {"split": "time", "at": SHARE} if self.in_time else {}
        options = PrepareOptions(negatives=1, keep=self.keep, **split) if earlier is None else earlier.options
        minima = minima or (options.min_user_interactions, options.min_item_interactions)
        fields = {"min_user_interactions": minima[0], "min_item_interactions": minima[1]}
        options = PrepareOptions(**{**vars(options), **fields})
        log = None if append and not rows else log_of(rows, self.has_time)
        prepared = prepare(log, options, earlier, append, sorted(forget))
        write_prepared(self.directory / PREFIX, prepared, {})
        return minima

    def _expected(self, history, gone, minima):
        rows = [row for row in history if row[0] not in gone]
        options = {
            "min_rating": None, "keep": self.keep, "negatives": 1, "min_user": minima[0],
            "min_item": minima[1], "must_test": self.has_time and not self.in_time,
        }  # fmt: skip
        expected = slow_prepare(rows, options, True, self.has_time)
        if self.in_time and not (expected.rows_left and self._divided(expected).warm):
            raise Refused("nothing warm")
        return expected

    def _divided(self, expected):
        rows = [(user, item, time) for user, item, _, time, _ in expected.rows_left]
        return slow_time_split(rows, time_of(rows, SHARE), 1)

    def _learn_ids(self, dataset, expected, first, asked):
        """Hold the ids to what they must be: those of before, new ones as they appear, and the forgotten."""
        if first:
            self.ids = (expected.users, expected.items)
        else:
            appeared = [[row[side] for row in expected.rows_left] for side in (0, 1)]
            self.ids = tuple(
                list(dict.fromkeys([*known, *new, *more]))
                for known, new, more in zip(self.ids, appeared, (asked, []), strict=True)
            )
        assert (list(dataset.user_ids), list(dataset.item_ids)) == self.ids

    def _check_newer(self, test, pairs, train_before, test_before):
        """Without timestamps: held out is something new, else what was before."""
        for user in {user for user, _ in pairs}:
            mine = {item for one, item in pairs if one == user}
            new = {item for item in mine if (user, item) not in train_before and test_before.get(user) != item}
            may_be = new or {item for item in mine if test_before.get(user) == item}
            assert test.get(user) in may_be | {None}
            if user not in test:
                every_item = {item for _, item in pairs}
                assert len(mine) < 2 or not may_be or mine == every_item

    def _timed(self, rows):
        """Give rows times that no other has."""
        first, self.time = self.time, self.time + len(rows)
        # Later rows are not always later in time.
        return [(*row, str(2 * (first + place) + 3 * (place % 2))) for place, row in enumerate(rows)]

    def _named(self, users, items, dataset):
        return {
            (dataset.user_ids[user], dataset.item_ids[item]) for user, item in zip(users, items, strict=True)
        }

    def _files(self):
        paths = prepared_paths(self.directory / PREFIX)
        return {suffix: path.read_bytes() for suffix, path in paths.items() if path.exists()}
