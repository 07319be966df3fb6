"""What a user can get wrong ends in one sentence, exit status 2, and nothing half-written."""

import re

import pytest

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
    found = re.fullmatch(r"(?:usage: .*\n(?: .*\n)*)?(?:[\w.-]+: )?error: ([^\n]+)\n", result.errors)
    assert found, result.errors
    return found[1]


def test_a_missing_file(files):
    for part in ("train", "test", "negatives"):
        paths, result = files(missing=part)
        message = sentence(result)
        assert message.startswith("--path and --dataset must name ")
        assert message.endswith(f"Received: no file {paths[part]}")


@pytest.mark.parametrize(
    ("part", "text", "rule"),
    [
        ("train", "", " must hold at least one line. Received: an empty file"),
        (
            "train",
            TRAIN + "1\t3\n",
            ", line 3 must be `user TAB item TAB rating [TAB timestamp]`. Received: 2 columns",
        ),
        (
            "test",
            TEST.replace("1\t2", "u1\t2"),
            ", line 2 must have a user between 0 and 2147483646. Received: 'u1'",
        ),
        (
            "negatives",
            NEGATIVES.replace("\t1\t", "\t-1\t"),
            ", line 2 must have negatives between 0 and 2147483646. Received: '-1'",
        ),
    ],
)
def test_a_file_with_something_else(files, part, text, rule):
    paths, result = files(**{part: text})
    assert sentence(result) == f"{paths[part]}{rule}"


def test_a_test_file_of_another_length_than_the_negatives(files):
    paths, result = files(test=TEST + "0\t3\t1\t1\n")
    assert sentence(result) == (
        f"{paths['negatives']} must have one line for each line of {paths['test']}. Received: 2 and 3 lines"
    )


LIST = "be a list of numbers, such as [0,0.01]"
WIDTHS = "have widths of at least 1, the first even, half of it for each embedding"


@pytest.mark.parametrize(
    ("model", "flag", "text", "rule"),
    [
        *(
            (model, "--layers", text, "be a list of whole numbers, such as [64,32,16,8]")
            for model in ("MLP", "NeuMF")
            for text in ("64,32,16,8", "[64,'32']", "__import__('os')", "[64,32", "[6.0]", "")
        ),
        *(("NeuMF", "--layers", text, WIDTHS) for text in ("[63,32,16,8]", "[]", "[0,4]", "[8,-4]")),
        ("MLP", "--layers", "[99999999999999999998]", "have widths of at most 65536"),
        ("MLP", "--reg_layers", "[0,0]", "have 4 numbers, one for each of [64,32,16,8]"),
        ("NeuMF", "--reg_layers", "[0,0]", "have 4 numbers, one for each of [64,32,16,8]"),
        ("GMF", "--regs", "[0]", "have 2 numbers, for users and items"),
        ("GMF", "--regs", "[0,-1]", "have numbers of at least 0"),
        ("GMF", "--regs", "[0,NaN]", LIST),
        ("MLP", "--reg_layers", "[0,0,0,-1]", "have numbers of at least 0"),
        ("MLP", "--reg_layers", "[0,0,0,1e999]", LIST),
    ],
)
def test_lists_that_break_their_rule(files, model, flag, text, rule):
    _, result = files(model, flag, text)
    assert sentence(result) == f"`{flag}` must {rule}. Received: {text!r}"


@pytest.mark.parametrize(
    ("flag", "rule"), [("--num_factors", "from 1 to 65536"), ("--batch_size", "from 1 to 2147483647")]
)
def test_a_size_that_nothing_can_hold(files, flag, rule):
    _, result = files("GMF", flag, "9" * 20)
    assert sentence(result) == f"argument {flag}: must be a whole number {rule}. Received: {'9' * 20!r}"


def test_an_unknown_learner(files):
    _, result = files("GMF", "--learner", "adamw")
    assert sentence(result).startswith("argument --learner: invalid choice: 'adamw'")


def test_a_save_directory_that_cannot_be_written(files, tmp_path):
    (tmp_path / "file").write_text("here first")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        _, result = files("GMF", "--save_dir", path)
        assert sentence(result).startswith(
            "`--save_dir` must be a directory that can be written to. Received: "
        )
        assert str(path) in result.errors
        assert result.lines == []
    assert (tmp_path / "file").read_text() == "here first"


def test_a_log_that_cannot_be_written(files, tmp_path):
    _, result = files("GMF", "--log_csv", tmp_path / "absent" / "log.csv")
    assert sentence(result).startswith("`--log_csv` must be a file that can be written. Received: ")


def test_a_user_with_every_item(files):
    _, result = files(train="".join(f"1\t{item}\t1\n" for item in range(4)) + "0\t1\t1\n")
    assert sentence(result).startswith("`num_neg` must be 0 where a user has interacted with every item")
    assert "user 1 has all 4 items" in result.errors


@pytest.mark.parametrize("flags", [("--mf_pretrain",), ("--mlp_pretrain",)])
def test_one_pretrained_model_without_the_other(files, tmp_path, flags):
    (tmp_path / "x.h5").touch()
    _, result = files("NeuMF", *flags, tmp_path / "x.h5")
    assert sentence(result).startswith("`--mf_pretrain` and `--mlp_pretrain` must be given together")


def test_pretrained_models_that_are_none(files, tmp_path):
    real, absent = tmp_path / "real.h5", tmp_path / "absent.h5"
    real.write_bytes(b"no HDF5 at all")
    _, result = files("NeuMF", "--mf_pretrain", real, "--mlp_pretrain", absent)
    assert sentence(result).startswith(f"`--mlp_pretrain` must be a weight file. Received: {str(absent)!r}")
    _, result = files("NeuMF", "--mf_pretrain", real, "--mlp_pretrain", real)
    assert sentence(result).startswith(f"{real} ")
    for alpha in ("-0.1", "1.5", "nan"):
        _, result = files("NeuMF", "--alpha", alpha)
        assert sentence(result).startswith("`--alpha` must be between 0 and 1. Received: ")
