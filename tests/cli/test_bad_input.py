"""What a user can get wrong ends in one sentence, exit status 2, and nothing half-written."""

import re

import pytest

from ncf_keras.base.files import OutputStream
from ncf_keras.base.locks import directory_lock
from tests.cli.running import run
from tests.small_data import NEGATIVES, TEST, TRAIN, write_files


@pytest.fixture
def files(tmp_path):
    """Return a function that writes the three files with some of them broken, and runs a command on them."""
    directory = tmp_path / "data"
    directory.mkdir()

    def run_on(model="GMF", *arguments, missing=None, **texts):
        paths = write_files(directory, **texts)
        if missing:
            paths[missing].unlink()
        data = ("--path", f"{directory}/", "--dataset", "small", "--save_dir", tmp_path / "saved")
        return paths, run(model, *data, "--epochs", 1, "--seed", 1, *arguments)

    yield run_on
    saved = tmp_path / "saved"
    assert not saved.exists() or list(saved.iterdir()) == []


def sentence(result):
    """Return what a refused command said, after checking that it was one sentence and nothing else."""
    assert result.status == 2
    assert not any(line.startswith(("Init", "Iteration", "End", "The best")) for line in result.lines)
    found = re.fullmatch(r"(?:[\w.-]+: )?error: ([^\n]+)\n", result.errors)
    assert found, result.errors
    return found[1]


@pytest.mark.parametrize("part", ["train", "test", "negatives"])
def test_a_missing_file(files, part):
    paths, result = files(missing=part)
    message = sentence(result)
    assert message.startswith("--path and --dataset must name ")
    assert message.endswith(f"Received: no file {paths[part]}")


IDS, COLUMNS = "between 0 and 2147483646", "user TAB item TAB rating [TAB timestamp]"


@pytest.mark.parametrize(("part", "text", "rule"), [
    ("train", "", " must hold at least one line. Received: an empty file"),
    ("train", f"{TRAIN}1\t3\n", f", line 3 must be `{COLUMNS}`. Received: 2 columns"),
    ("test", TEST.replace("1\t2", "u1\t2"), f", line 2 must have a user {IDS}. Received: 'u1'"),
    ("negatives", NEGATIVES.replace("\t1\t", "\t-1\t"), f", line 2 must have negatives {IDS}. Received: '-1'"),
    ("negatives", NEGATIVES * 2, " must have one line for each line of {test}. Received: 4 and 2 lines"),
])  # fmt: skip
def test_a_file_with_something_else(files, part, text, rule):
    paths, result = files(**{part: text})
    assert sentence(result) == f"{paths[part]}{rule.format(test=paths['test'])}"


LIST = "be a list of numbers, such as [0,0.01]"
WIDTHS = "have widths of at least 1, the first even, half of it for each embedding"


@pytest.mark.parametrize(("model", "flag", "text", "rule"), [
    ("MLP", "--layers", "64,32,16,8", "be a list of whole numbers, such as [64,32,16,8]"),
    ("NeuMF", "--layers", "__import__('os')", "be a list of whole numbers, such as [64,32,16,8]"),
    *(("NeuMF", "--layers", text, WIDTHS) for text in ("[63,32,16,8]", "[]", "[0,4]", "[8,-4]")),
    ("MLP", "--layers", "[99999999999999999998]", "have widths of at most 65536"),
    ("MLP", "--reg_layers", "[0,0]", "have 4 numbers, one for each of [64,32,16,8]"),
    ("NeuMF", "--reg_layers", "[0,0]", "have 4 numbers, one for each of [64,32,16,8]"),
    ("GMF", "--regs", "[0]", "have 2 numbers, for users and items"),
    ("GMF", "--regs", "[0,-1]", "have numbers of at least 0"),
    ("GMF", "--regs", "[0,NaN]", LIST),
    ("MLP", "--reg_layers", "[0,0,0,-1]", "have numbers of at least 0"),
    ("MLP", "--reg_layers", "[0,0,0,1e999]", LIST),
])  # fmt: skip
def test_lists_that_break_their_rule(files, model, flag, text, rule):
    _, result = files(model, flag, text)
    assert sentence(result) == f"`{flag}` must {rule}. Received: {text!r}"


def test_what_cannot_be_written_to_is_named_before_training(files, tmp_path):
    file = tmp_path / "file"
    file.write_text("here first")
    for flag, path, kind in (
        ("--save_dir", file, "a directory that can be written to"),
        ("--save_dir", file / "below", "a directory that can be written to"),
        ("--export", file / "served", "a directory that can be written to"),
        ("--log_csv", tmp_path / "absent" / "log.csv", "a file in a directory that exists"),
    ):
        _, result = files("GMF", flag, path)
        assert sentence(result).startswith(f"`{flag}` must be {kind}. Received: ")
        assert str(path) in result.errors and (flag != "--save_dir" or result.lines == [])
    assert file.read_text() == "here first"


def test_what_another_command_writes_and_a_name_too_long_to_save_are_named_before_training(files, tmp_path):
    with OutputStream(tmp_path / "log.csv", "--log_csv"):
        _, result = files("GMF", "--log_csv", tmp_path / "log.csv")
        assert sentence(result).startswith("`--log_csv` must be a file that no other command writes")
    (tmp_path / "curves").mkdir()
    with directory_lock(tmp_path / "curves"):
        _, result = files("GMF", "--tensorboard", tmp_path / "curves")
        assert sentence(result).startswith("`--tensorboard` must be a directory that no other run is using")
    _, result = files("MLP", "--layers", "[" + ",".join(["2"] * 120) + "]")
    assert sentence(result).startswith("`--save_dir` must be a path that can be looked at")
    assert "File name too long" in result.errors


def test_a_training_whose_reader_has_gone_does_not_say_that_it_ended(files, monkeypatch):
    def gone(*arguments):
        raise BrokenPipeError

    monkeypatch.setattr("ncf_keras.training.callbacks.authors_lines.AuthorsLines.on_train_begin", gone)
    _, result = files("GMF")
    assert sentence(result) == (
        "standard output must be read to the end of the training. Received: a reader that has gone"
    )


def test_users_who_all_have_every_item(files):
    everything = "".join(f"{user}\t{item}\t1\n" for user in range(2) for item in range(4))
    _, result = files(train=everything)
    assert sentence(result).startswith("`--num_neg` must be 0 where every user has interacted with every item")
    assert "2 user(s) with train interactions, each with all 4 items" in result.errors


def test_pretrained_models_that_are_none(files, tmp_path):
    real, absent = tmp_path / "real.h5", tmp_path / "absent.h5"
    real.write_bytes(b"no HDF5 at all")
    for flags, beginning in (
        (("--mf_pretrain", real), "`--mf_pretrain` and `--mlp_pretrain` must be given together"),
        (("--mlp_pretrain", real), "`--mf_pretrain` and `--mlp_pretrain` must be given together"),
        (
            ("--mf_pretrain", real, "--mlp_pretrain", absent),
            f"`--mlp_pretrain` must be a weight file. Received: {str(absent)!r}",
        ),
        (("--mf_pretrain", real, "--mlp_pretrain", real), f"{real} "),
        *((("--alpha", alpha), "`--alpha` must be between 0 and 1. Received: ") for alpha in ("-0.1", "nan")),
    ):
        _, result = files("NeuMF", *flags)
        assert sentence(result).startswith(beginning)
