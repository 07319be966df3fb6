import json
import re
import subprocess
import sys

import pytest

from ncf_keras.cli.prepare import main, make_parser
from ncf_keras.data import read_dataset
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.prepare import PrepareOptions
from tests.shared_files import PROJECT

PAIRS = [(user, item) for user in range(6) for item in range(user, user + 5)]
ROWS = [f"{user},{item},{1 + (user + item) % 5},{100 * user + item}\n" for user, item in PAIRS]
LOG = "user,item,rating,timestamp\n" + "".join(ROWS)


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text(LOG)
    return file


@pytest.mark.parametrize("flag", ["--delimiter", "--missing", "--user", "--negatives", "--out"])
def test_a_flag_whose_value_is_two_dashes_is_refused(log, tmp_path, capsys, flag):
    assert main([str(log), "--out", str(tmp_path / "x"), f"{flag}=--"]) == 2
    assert capsys.readouterr().err == (
        f"error: `{flag}` must be other than --, which ends the flags. Received: {flag}=--\n"
    )


def test_prepares_a_log_and_says_what_it_did(log, tmp_path, capsys):
    out = tmp_path / "new/folder/mine"
    assert main([str(log), "--out", str(out), "--negatives", "3", "--min_rating", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "mine: 6 users, 9 items, 18 train and 6 test interactions, sparsity 55.56%",
        "  dropped 6 of 30 rows: rating below 2",
        "  split: leave-one-out: of each user with two or more interactions the latest, of equal timestamps "
        "the later row",
        f"Train on it: ncf neumf --path {out.parent}/ --dataset mine",
    ]
    assert printed.err == (
        f"Read {log} as text separated by commas, with a header: user in column 1 (user), item in column 2 "
        "(item), rating in column 3 (rating), timestamp in column 4 (timestamp).\n"
    )
    assert read_dataset(out.parent, "mine").test_negatives.shape == (6, 3)
    assert json.loads((out.parent / "mine.json").read_text())["source"]["name"] == "clicks.csv"


@pytest.mark.parametrize(
    ("items", "way_on"), [(range(10), ""), (range(8), " (`--negatives 2` tests them all)")]
)
def test_a_user_with_too_few_items_left_is_in_train_alone(log, tmp_path, capsys, items, way_on):
    """The greedy user comes last in the log, so that all ids, pairs and draws but theirs are the same."""
    greedy = tmp_path / "greedy.csv"
    greedy.write_text(LOG + "".join(f"greedy,{item},5,{item}\n" for item in items))
    assert main([str(log), "--out", str(tmp_path / "usual"), "--negatives", "5"]) == 0
    assert main([str(greedy), "--out", str(tmp_path / "d"), "--negatives", "5"]) == 0
    printed = capsys.readouterr().out.splitlines()[-3]
    assert printed == (
        f"  1 user(s) with fewer than 5 items left to draw negatives from: in train, not in test{way_on}"
    )
    for suffix in (".test.rating", ".test.negative", ".items.csv"):
        assert (tmp_path / f"d{suffix}").read_bytes() == (tmp_path / f"usual{suffix}").read_bytes()
    train = (tmp_path / "usual.train.rating").read_text() + "".join(f"6\t{item}\t5\t{item}\n" for item in items)
    assert (tmp_path / "d.train.rating").read_text() == train
    counts = json.loads((tmp_path / "d.json").read_text())["counts"]
    assert counts["users_without_negatives"] == counts["users_without_test"] == 1
    assert counts["fewest_items_left"] == 10 - len(items)
    assert "users_without_negatives" not in json.loads((tmp_path / "usual.json").read_text())["counts"]


def test_no_timestamps_says_that_a_random_item_is_held_out(log, tmp_path, capsys):
    held_out = []
    for seed in ("1", "1", "2"):
        out = str(tmp_path / "r")
        assert main([str(log), "--out", out, "--negatives", "2", "--no_timestamps", "--seed", seed]) == 0
        held_out.append((tmp_path / "r.test.rating").read_text())
    assert held_out[0] == held_out[1] != held_out[2]
    assert "a random one (no timestamps)" in capsys.readouterr().out
    assert all(line.count("\t") == 2 for line in held_out[0].splitlines())


@pytest.fixture
def yesterday(log, tmp_path, capsys):
    """Prefix of the dataset of the log, prepared with options that are not the usual ones."""
    flags = ["--negatives", "2", "--min_rating", "2", "--min_item_interactions", "2"]
    assert main([str(log), "--out", str(tmp_path / "d"), *flags]) == 0
    capsys.readouterr()
    return tmp_path / "d"


def test_new_rows_are_appended_in_place_and_users_forgotten(yesterday, tmp_path, capsys):
    new, gone, before = tmp_path / "new.csv", tmp_path / "gone.txt", read_dataset(tmp_path, "d")
    new.write_text("user,item,rating,timestamp\nzoe,3,5,9001\nzoe,4,5,9002\nzoe,2,1,9003\n5,3,4,9004\n")
    gone.write_text("0\n\nnobody\n")
    line = [str(new), "--ids_from", str(yesterday), "--append", "--out", str(yesterday)]
    assert main([*line, "--forget", str(gone)]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[0] == (
        f"As {yesterday} was prepared: --min_rating 2.0, --min_item_interactions 2, --negatives 2."
    )
    after = read_dataset(tmp_path, "d")
    assert after.user_ids == [*before.user_ids, "zoe"]
    assert after.item_ids[: before.num_items] == before.item_ids
    assert after.user_states.tolist() == [2, 0, 0, 0, 0, 0, 0]
    lines = printed.out.splitlines()
    assert "  dropped 1 of 28 rows: rating below 2" in lines
    assert "  users: 6 with their indices of d, 1 new; items: 8, 0 new" in lines
    assert "  1 user(s) forgotten: nothing but the id is left in the dataset" in lines
    assert "  1 unknown user(s) among those to forget" in lines
    files = {path.name: path.read_bytes() for path in tmp_path.glob("d.*")}
    # Without a log, and with nobody new to be forgotten, everything stays, in another place too.
    gone.write_text("")
    assert main([*line[1:-1], str(tmp_path / "e"), "--forget", str(gone)]) == 0
    for path in tmp_path.glob("e.*[!n]"):
        assert path.read_bytes() == files[path.name.replace("e.", "d.", 1)], path.name
    assert json.loads((tmp_path / "e.json").read_text())["ids_from"]["dataset"] == "d"


def test_a_whole_log_keeps_indices_and_a_flag_says_otherwise_than_before(yesterday, log, tmp_path, capsys):
    titles = tmp_path / "titles.csv"
    titles.write_text("item,title\n3,Three\n")
    log.write_text("user,item,rating,timestamp\n9,8,5,1\n" + "".join(reversed(ROWS[3:])))
    flags = ["--min_rating", "3", "--titles", str(titles)]
    assert main([str(log), "--ids_from", str(yesterday), "--out", str(tmp_path / "today"), *flags]) == 0
    printed = capsys.readouterr()
    assert "--min_item_interactions 2, --negatives 2.\n" in printed.err and "--min_rating" not in printed.err
    assert "  titles: 7 of 8 items have none\n" in printed.out
    before, after = read_dataset(tmp_path, "d"), read_dataset(tmp_path, "today")
    assert after.user_ids == [*before.user_ids, "9"] and after.item_ids[: before.num_items] == before.item_ids
    assert json.loads((tmp_path / "today.json").read_text())["options"]["min_rating"] == 3
    assert after.item_titles[after.item_ids.index("3")] == "Three"
    assert main(["--ids_from", str(tmp_path / "today"), "--append", "--out", str(tmp_path / "today")]) == 0
    assert read_dataset(tmp_path, "today").item_titles == after.item_titles


@pytest.mark.parametrize(("line", "message"), [
    (["clicks.csv", "--append"], "`--append` must come with `--ids_from`. Received: `--append` alone"),
    (["clicks.csv", "--forget", "gone.txt"], "`--forget` must come with `--ids_from`"),
    ([], "`LOG` must be the log to prepare (only `--append` needs none). Received: none"),
    (["--ids_from", "d"], "`LOG` must be the log to prepare (only `--append` needs none). Received: none"),
    (["--append", "--ids_from", "folder/"], "`--ids_from` must end in the name of a dataset, such as Data/myd"),
    (["--append", "--ids_from", "."], "`--ids_from` must end in the name of a dataset, such as Data/mydata"),
    (["--append", "--ids_from", "none"], "none.json must be of a dataset that `ncf prepare` wrote"),
    (["--append", "--ids_from", "d", "--forget", "missing.txt"], "`--forget` must be a file"),
    (["clicks.csv", "--append", "--ids_from", "d", "--no_timestamps", "--timestamp", "none"],
     "A log that is appended to d, which has timestamps, must have some too. Received: none"),
    (["--append", "--ids_from", "d", "--out", "d", "--forget", "d.users.csv"],
     "`--out` must not be a file that `--forget` names to be read"),
])  # fmt: skip
def test_mistakes_in_going_on(yesterday, tmp_path, monkeypatch, capsys, line, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone.txt").write_text("0\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert main([*line, *([] if "--out" in line else ["--out", "mine"])]) == 2
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("change", "message"), [
    (["--out", "folder/"], "`--out` must end in the name of the dataset"),
    (["--out", "clicks.csv/sub/mine"], "`--out` must be a directory that can be written to"),
    (["--min_rating", "0"], "`--min_rating` must be above 0"),
    (["--min_rating", "3", "--rating", "none"], "`--min_rating` must be left out where a log has no"),
    (["--min_item_interactions", "50"], "must leave at least one interaction"),
    (["--negatives", "99"], "`--negatives` must be at most 5, because no user with two or more interactions "
                            "has more items left to draw from. Received: 99"),
    (["--user", "nobody"], "`--user` must be one of user, item, rating, timestamp or a column number"),
    (["--user", "none"], "`--user` must name a column"),
    (["--item", "user", "--user", "1"], "must each have one role. Received: user 1, item 1"),
    (["--rating", "stars"], "`--rating` must be one of user, item, rating, timestamp or a column number"),
    (["--timestamp", "none"], "`--timestamp` must name the column of clicks.csv that tells each user's "
                              "latest interaction, or `--no_timestamps` must ask for a random one"),
    (["--timestamp", "timestamp", "--no_timestamps"],
     "`--no_timestamps` must come without `--timestamp`. Received: `timestamp` timestamp"),
    (["--delimiter", ""], "`--delimiter` must be one or more characters"),
    (["--delimiter", ";"], "`--item` must name the column of clicks.csv with the item ids (or "
                           "`--delimiter` what separates its columns)"),
    (["--titles", "missing.csv"], "`--titles` must be a file"),
    *((["--user", column], f"or a column number of clicks.csv from 1 to 4. Received: {column[:40]}, where")
      for column in ("99999999999999999999", "9" * 5000, "00000000010", "01", "²", "٣", "-1", "1e0")),
    (["--rating", "9" * 5000], "`--rating` must be one of user, item, rating, timestamp or a column number"),
    (["--user", "a\nb\x1b[31m"], "Received: a\\nb\\x1b[31m, where the file is read as text"),
    (["--delimiter", "\0"], "`--delimiter` must be one or more characters, none of them a quotation mark, NUL"),
    (["--delimiter", "\ud800"], "`--item` must name the column"),
    (["--titles", ""], "`--titles` must be a"),
    (["--titles", "t" * 300], "File name too long"),
    (["--out", "o" * 245], "File name too long"),
    (["--titles", "others.csv"], "`--titles` must hold items of the log. Received: ids such as `user`, x"),
])  # fmt: skip
def test_a_mistake_names_the_flag_as_it_is_typed(log, tmp_path, monkeypatch, capsys, change, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "others.csv").write_text("`user`,X\nx,Y\n")
    before = sorted(tmp_path.iterdir())
    assert main(["clicks.csv", "--out", "mine", "--negatives", "2", *change]) == 2
    printed = capsys.readouterr()
    # How the log was read stands before all that may be wrong because of it.
    assert printed.out == "" and re.fullmatch("(Read .*\n)?error: .*\n", printed.err)
    assert message in printed.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("change", ["--keep best", "--negatives 0", "--seed -1", "--neg 3"])
def test_flags_that_argparse_refuses(log, tmp_path, capsys, change):
    with pytest.raises(SystemExit) as end:
        main([str(log), "--out", str(tmp_path / "mine"), *change.split()])
    assert end.value.code == 2 and change.split()[0] in capsys.readouterr().err


def test_the_log_is_never_overwritten_and_delimiter_and_header_are_flags_of_text_alone(tmp_path, capsys):
    file = tmp_path / "mine.train.rating"
    file.write_bytes(b"PAR1")
    assert main([str(file), "--out", str(tmp_path / "mine"), "--negatives", "2"]) == 2
    assert "`--out` must not be a file that `LOG` names to be read" in capsys.readouterr().err
    assert main([str(file), "--out", str(tmp_path / "other"), "--header", "yes"]) == 2
    assert "`--header` must be left out for Parquet" in capsys.readouterr().err
    assert file.read_bytes() == b"PAR1"


def test_each_option_that_a_sentence_may_name_is_a_flag():
    """`flag_names` puts the flag in place of an argument only where there is one of that name."""
    options = set(LogOptions.__dataclass_fields__) | set(PrepareOptions.__dataclass_fields__)
    assert options <= set(vars(make_parser().parse_args(["log.csv", "--out", "d"])))


def test_help_needs_no_data_libraries():
    """Of `download.py` too, whose list of data sets lies in the package."""
    code = """
import contextlib, sys
from ncf_keras.cli import download, prepare
for command in (download, prepare):
    with contextlib.suppress(SystemExit):
        command.main(["--help"])
print([name for name in ("numpy", "pandas", "tensorflow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "--no_timestamps" in done.stdout and "pinterest-20" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


IN_TIME = ["--split", "time", "--at", "0.8", "--negatives", "2"]


def test_a_split_in_time_says_where_it_is_and_what_became_of_what_is_later(log, tmp_path, capsys):
    """Each user's five times are 100 apart from the next user's, so that users 4 and 5 are later than the rest.

    User 4 begins at 404. To know whom the cut leaves warm, user 0 comes back.
    """
    log.write_text(LOG + "0,7,5,600\nlate,8,5,601\n0,new,5,602\n")
    out = tmp_path / "d"
    line = [str(log), "--out", str(out), "--negatives", "2", "--split", "time"]
    assert main([*line, "--at", "500", "--validation_at", "0.7"]) == 0
    # 33 rows: that of the place 23, from 0, is user 4's fourth.
    assert capsys.readouterr().out.splitlines() == [
        "d: 7 users, 11 items, 25 train and 1 test interactions, sparsity 42.22%",
        "  test: 1 pairs of 1 user(s); 2 of train are for validation",
        "  cold: 7 later pairs are kept apart; 2 user(s) and 2 item(s) of theirs have no train interaction and "
        "are inactive, in no list",
        "  split: in time: held out is what is from 500 on; for validation, train from 0.7, which is the time "
        "407 on",
        f"Train on it: ncf neumf --path {tmp_path}/ --dataset d",
    ]
    dataset = read_dataset(tmp_path, "d")
    assert [dataset.item_ids[item] for item in dataset.test_items] == ["7"]
    assert dataset.train_is_validation.sum() == 2 and len(dataset.cold_users) == 7
    report = json.loads((tmp_path / "d.json").read_text())
    assert report["cuts"]["validation_at"] == {"given": 0.7, "time": 407, "date": None}
    assert (report["counts"]["cold_users"], report["counts"]["cold_items"]) == (2, 2)


def test_yesterdays_split_holds_and_another_needs_its_own_times(log, tmp_path, capsys):
    rows = [f"{user},{item},5,{(7 * user + 13 * item) % 31}\n" for user, item in PAIRS]
    log.write_text("user,item,rating,timestamp\n" + "".join(rows))
    out = str(tmp_path / "d")
    assert main([str(log), "--out", out, *IN_TIME, "--validation_at", "0.5"]) == 0
    line = ["--append", "--ids_from", out, "--out", out]
    capsys.readouterr()
    for more, said in (
        ([], "--negatives 2, --split time, --at 0.8, --validation_at 0.5."),
        (["--at", "0.9"], "--negatives 2, --split time, --validation_at 0.5."),
        (["--split", "time", "--at", "0.8"], "--negatives 2."),
        (["--split", "leave-one-out"], "--negatives 2."),
        ([], "--negatives 2."),
    ):
        assert main([*line, *more]) == 0
        assert capsys.readouterr().err == f"As {out} was prepared: {said}\n"
    assert read_dataset(tmp_path, "d").num_test == 6
    assert main([*line, "--split", "time"]) == 2
    assert "`--at` must say where a log is cut with `--split` time. Received: none" in capsys.readouterr().err


@pytest.mark.parametrize(("change", "message"), [
    (["--at", "0.8"], "`--at` must come with `--split` time or cold_items. Received: leave-one-out"),
    (["--validation_at", "0.8"], "`--validation_at` must come with `--split` time. Received: leave-one-out"),
    (["--split", "time"], "`--at` must say where a log is cut with `--split` time. Received: none"),
    ([*IN_TIME, "--at", "soon"], "`--at` must be a share of the interactions such as 0.8, a date such as "),
    ([*IN_TIME, "--at", "1998-03-01"], "`--at` must be a share of the interactions or a time in the log's own"),
    ([*IN_TIME, "--at=-7"], "`--at` must have interactions before it, to learn from. Received: -7"),
    ([*IN_TIME, "--at", "999"], "`--at` must have interactions from then on, to hold out. Received: 999, and"),
    ([*IN_TIME, "--validation_at", "0.8"], "`--validation_at` must be before `--at`, 0.8, which is the time"),
    ([*IN_TIME, "--no_timestamps"], "`--split` must be leave-one-out where a log has no timestamps. Rec"),
    ([*IN_TIME, "--negatives", "99"], "`--negatives` must be at most"),
])  # fmt: skip
def test_a_mistake_in_the_times_changes_nothing(log, tmp_path, monkeypatch, capsys, change, message):
    monkeypatch.chdir(tmp_path)
    log.write_text(LOG + "0,7,5,600\n")
    assert main(["clicks.csv", "--out", "mine", *change]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["clicks.csv"]
