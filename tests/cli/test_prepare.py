import json
import subprocess
import sys

import pytest

from ncf_keras.cli.prepare import main
from ncf_keras.data import read_dataset
from tests.shared_files import PROJECT

LOG = "user,item,rating,timestamp\n" + "".join(
    f"{user},{item},{1 + (user + item) % 5},{100 * user + item}\n"
    for user in range(6)
    for item in range(user, user + 5)
)


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text(LOG)
    return file


def run(*arguments):
    return subprocess.run(
        [sys.executable, "run/prepare.py", *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_prepares_a_log_and_says_what_it_did(log, tmp_path):
    out = tmp_path / "new/folder/mine"
    done = run(log, "--out", out, "--negatives", 3, "--min_rating", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "mine: 6 users, 9 items, 18 train and 6 test interactions, sparsity 55.56%",
        "  dropped 6 of 30 rows: rating below 2",
        "  split: leave-one-out: of each user with two or more interactions the latest, of equal timestamps "
        "the later row",
        f"Train on it: python run/NeuMF.py --path {out.parent}/ --dataset mine",
    ]
    assert done.stderr == (
        f"Read {log} as text separated by commas, with a header: user in column 1 (user), item in column 2 "
        "(item), rating in column 3 (rating), timestamp in column 4 (timestamp).\n"
    )
    assert read_dataset(out.parent, "mine").test_negatives.shape == (6, 3)
    assert json.loads((out.parent / "mine.json").read_text())["source"]["name"] == "clicks.csv"


def test_the_script_ends_with_status_2_and_one_sentence(log, tmp_path):
    done = run(log, "--out", tmp_path / "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: `negatives` must be at most 5, because a test user has interacted with all but 5 of the items. "
        "Received: 99\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["clicks.csv"]


def test_no_timestamps_says_that_a_random_item_is_held_out(log, tmp_path, capsys):
    held_out = []
    for seed in ("1", "1", "2"):
        assert (
            main(
                [str(log), "--out", str(tmp_path / "r"), "--negatives", "2", "--no_timestamps", "--seed", seed]
            )
            == 0
        )
        held_out.append((tmp_path / "r.test.rating").read_text())
    assert held_out[0] == held_out[1] != held_out[2]
    assert "a random one (no timestamps)" in capsys.readouterr().out
    assert all(line.count("\t") == 2 for line in held_out[0].splitlines())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--out", "folder/"], "`--out` must end in the name of the dataset"),
        (["--min_rating", "0"], "`min_rating` must be above 0"),
        (["--min_rating", "nan"], "`min_rating` must be above 0"),
        (["--user", "nobody"], "`--user` must be one of user, item, rating, timestamp or a column number"),
        (["--titles", "missing.csv"], "`--titles` must be a file"),
        (["--timestamp", "none"], "`--timestamp` must name the column"),
        (["--delimiter", ""], "`--delimiter` must be one or more characters"),
        (["--delimiter", ";"], "`--item` must name the column"),
        (["--min_item_interactions", "50"], "must leave at least one interaction"),
    ],
)
def test_mistakes_in_flags(log, tmp_path, monkeypatch, capsys, change, message):
    monkeypatch.chdir(tmp_path)
    assert main([str(log), "--out", "mine", "--negatives", "2", *change]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("mine*"))


@pytest.mark.parametrize("change", [["--keep", "best"], ["--negatives", "0"], ["--seed", "-1"], ["--neg", "3"]])
def test_flags_that_argparse_refuses(log, tmp_path, capsys, change):
    with pytest.raises(SystemExit) as end:
        main([str(log), "--out", str(tmp_path / "mine"), *change])
    assert end.value.code == 2
    assert change[0] in capsys.readouterr().err


def test_the_log_is_never_overwritten(tmp_path, capsys):
    file = tmp_path / "mine.train.rating"
    file.write_text(LOG)
    assert main([str(file), "--out", str(tmp_path / "mine"), "--negatives", "2"]) == 2
    assert "`--out` must not overwrite" in capsys.readouterr().err
    assert file.read_text() == LOG


def test_a_directory_that_cannot_be_made(log, tmp_path, capsys):
    assert main([str(log), "--out", str(log / "sub/mine")]) == 2
    assert "`--out` must be a directory that can be written to" in capsys.readouterr().err


def test_help_needs_no_data_libraries():
    code = (
        "import sys; from ncf_keras.cli.prepare import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    )
    code += "print([name for name in ('numpy', 'pandas', 'tensorflow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "--no_timestamps" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
