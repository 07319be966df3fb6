"""Every command that docs/public_data.md prints, on a made-up file in the exact layout of the data set."""

import io
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import ncf_keras
from ncf_keras.cli.ncf import main as ncf
from ncf_keras.cli.prepare import make_parser
from ncf_keras.data import Dataset, read_dataset
from ncf_keras.data.logs.options import LogOptions
from tests.data.public_layouts import IN_PYTHON, PIPED, TABLE
from tests.data.public_layouts.layout import Layout
from tests.shared_files import PROJECT


@pytest.fixture(scope="module")
def section():
    return (PROJECT / "docs/public_data.md").read_text(encoding="utf-8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def by_name(layouts):
    return pytest.mark.parametrize("layout", [pytest.param(layout, id=layout.name) for layout in layouts])


def prepare(command, capsys):
    name, *arguments = shlex.split(command)
    status = ncf([*arguments, "--negatives", "1"])
    assert (name, status) == ("ncf", 0), capsys.readouterr().err


def expect(dataset: Dataset, layout: Layout):
    """Compare a dataset with what was put down by hand, by raw ids."""
    users, items = dataset.user_ids, dataset.item_ids
    assert set(users) == set(layout.items)
    assert set(items) == {item for kept in layout.items.values() for item in kept}
    pairs = zip(dataset.train_users, dataset.train_items, strict=True)
    train = sorted((users[user], items[item]) for user, item in pairs)
    test = {users[user]: items[item] for user, item in zip(dataset.test_users, dataset.test_items, strict=True)}
    assert set(test) == {user for user, kept in layout.items.items() if len(kept) > 1}
    if layout.by_time:
        assert test == {user: layout.items[user][-1] for user in test}
    everything = {(user, item) for user, kept in layout.items.items() for item in kept}
    assert train == sorted(everything - set(test.items()))


def expect_files(layout: Layout):
    """Compare the files that were written."""
    dataset = read_dataset("Data/", layout.name)
    expect(dataset, layout)
    titles = dict(zip(dataset.item_ids, dataset.item_titles or [""] * dataset.num_items, strict=True))
    assert {item: title for item, title in titles.items() if title} == layout.titles


def expect_report(layout: Layout):
    """Compare the rows that were read and dropped, by reason."""
    report = json.loads(Path(f"Data/{layout.name}.json").read_text(encoding="utf-8"))
    assert report["dropped"] == layout.dropped
    assert report["counts"]["rows"] == sum(map(len, layout.items.values())) + sum(layout.dropped.values())


@by_name(TABLE)
def test_a_file_in_the_layout_of_the_set(layout, here, capsys):
    layout.write(here)
    prepare(layout.command, capsys)
    expect_files(layout)
    expect_report(layout)


@by_name(TABLE)
def test_the_same_file_as_a_frame(layout, here):
    """What `read_log` returns for the flags of the command is split as the command splits it."""
    layout.write(here)
    flags = make_parser().parse_args(shlex.split(layout.command)[2:])
    said = {name: getattr(flags, name) for name in LogOptions.__dataclass_fields__ if name != "header"}
    frame = ncf_keras.read_log(flags.log, **said)
    roles = {role: role for role in frame.columns}
    expect(Dataset.from_dataframe(frame, **roles, min_rating=flags.min_rating, negatives=1), layout)


@by_name(PIPED)
def test_a_file_that_other_programs_pipe(layout, here, capsys, monkeypatch):
    """The other programs run in a shell; what they print is standard input."""
    layout.write(here)
    others, prepared = layout.command.rsplit(" | ", 1)
    if not shutil.which(shlex.split(others)[0]):
        pytest.skip(f"needs {others.split()[0]}")
    printed = subprocess.run(others, shell=True, capture_output=True, check=True).stdout
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(printed)))
    prepare(prepared, capsys)
    expect_files(layout)
    expect_report(layout)


@by_name(IN_PYTHON)
def test_a_file_that_pandas_takes_apart(layout, here, section):
    layout.write(here)
    (block,) = (block for block in blocks(section, "python") if layout.command in block)
    exec(block.replace("Dataset.from_dataframe(", "Dataset.from_dataframe(negatives=1, df="), {})
    expect_files(layout)


def test_the_page_prints_what_is_tested_and_no_more(section):
    in_table = re.findall(r"^\|[^|]*\| `(ncf prepare [^`]*)` \|", section, re.MULTILINE)
    assert in_table == [layout.command for layout in TABLE]
    piped = [re.sub(r" *\\\n *", " ", block).strip() for block in blocks(section, "")]
    assert piped == [layout.command for layout in PIPED]
    assert len(blocks(section, "python")) == len(IN_PYTHON)
    assert all("ncf prepare" not in line for line in prose(section))


def blocks(section, language):
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [block for said, block in fences if said == language]


def prose(section):
    """Return the paragraphs, without tables and blocks."""
    text = re.sub(r"^```.*?^```$", "", section, flags=re.MULTILINE | re.DOTALL)
    return [line for line in text.splitlines() if not line.startswith("|")]
