import dataclasses
import errno
import hashlib
import io
import json
import shutil
import zipfile

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli import download as command
from ncf_keras.data import download, known_datasets, read_dataset
from ncf_keras.data.download import download_dataset
from ncf_keras.data.known_datasets import KNOWN_DATASETS, KnownDataset, RemoteFile, download_hint
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.prepared_files import write_prepared
from ncf_keras.data.raw_log import read_log
from tests.data.loopback import serving
from tests.shared_files import shared

GENERATOR = np.random.default_rng(5)
LOG = "".join(
    f"{user}::{item}::{1 + user % 5}::{time}\n"
    for user in range(1, 21)
    for time, item in enumerate(GENERATOR.choice(150, 30, replace=False).tolist())
)
NUM_ITEMS = len({line.split("::")[1] for line in LOG.splitlines()})
TITLES = "".join(f"{item}::Film {item}, L'été::Drama\n" for item in range(150)).encode("latin-1")


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in members.items():
            package.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return stream.getvalue()


ARCHIVE = zipped(toy__ratings_dot_dat=LOG, toy__movies_dot_dat=TITLES, __etc__evil="x")


def checksum(data, kind="md5"):
    if kind == "git":
        return "git:" + hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return "md5:" + hashlib.md5(data).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def publisher():
    with serving({"toy.zip": ARCHIVE}) as publisher:
        yield publisher


def toy(publisher, archive=ARCHIVE, split=()):
    """A known dataset whose publisher is on loopback."""
    files = tuple(RemoteFile(name, publisher.url, checksum(data, "git")) for name, data in split)
    remote = archive and RemoteFile("toy.zip", publisher.url, checksum(archive))
    return KnownDataset("toy", files, remote, "toy/ratings.dat", "toy/movies.dat", "Free.")


def split_files(folder, seed=7):
    """The three files of LOG's split, as authors would publish them."""
    (folder / "log.dat").write_text(LOG)
    write_prepared(folder / "toy", prepare(read_log(folder / "log.dat")[0], PrepareOptions(seed=seed)), {})
    names = [f"toy{suffix}" for suffix in known_datasets.SPLIT_SUFFIXES]
    return [(name, (folder / name).read_bytes()) for name in names]


def test_an_archive_is_prepared(publisher, tmp_path):
    steps = []
    dataset = download_dataset(toy(publisher), tmp_path / "Data", on_step=steps.append)
    assert repr(dataset).startswith(f"<Dataset toy: 20 users x {NUM_ITEMS} items, 580 train interactions")
    assert dataset.user_ids == [str(user) for user in range(1, 21)]
    assert dataset.item_titles == [f"Film {item}, L'été" for item in dataset.item_ids]
    suffixes = (".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv", ".json", ".zip")
    assert {path.name for path in (tmp_path / "Data").iterdir()} == {"toy" + suffix for suffix in suffixes}
    report = json.loads((tmp_path / "Data/toy.json").read_text())
    assert report["source"]["downloaded_from"] == {publisher.url + "toy.zip": checksum(ARCHIVE)}
    assert report["source"]["licence"] == "Free."
    assert report["counts"]["train"] == 580
    assert any("MD5 verified" in step for step in steps)


def test_a_second_run_downloads_nothing(publisher, tmp_path):
    download_dataset(toy(publisher), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    steps = []
    download_dataset(toy(publisher), tmp_path, on_step=steps.append)
    assert steps == ["toy is there already."]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    (tmp_path / "toy.test.negative").unlink()
    download_dataset(toy(publisher), tmp_path)
    assert len(publisher.requests) == 1


def test_an_archive_put_there_by_hand_needs_no_network(publisher, tmp_path):
    (tmp_path / "toy.zip").write_bytes(ARCHIVE)
    assert download_dataset(toy(publisher), tmp_path).num_train == 580
    assert publisher.requests == []


def test_the_authors_split_is_taken_as_it_is_and_gets_ids_from_the_archive(publisher, tmp_path):
    split = split_files(tmp_path)
    publisher.files.update(split)
    folder = tmp_path / "Data"
    dataset = download_dataset(toy(publisher, split=split), folder)
    for name, data in split:
        assert (folder / name).read_bytes() == data
    assert dataset.item_ids[0] == LOG.split("::")[1]
    assert dataset.item_titles[0] == f"Film {dataset.item_ids[0]}, L'été"
    report = json.loads((folder / "toy.json").read_text())
    assert report["split"] == "the authors' own"
    assert len(report["source"]["downloaded_from"]) == 4
    assert download_dataset(toy(publisher, split=split), folder).num_train == 580
    assert len(publisher.requests) == 4


def test_an_archive_of_other_pairs_than_the_split_is_said_so(publisher, tmp_path):
    split = split_files(tmp_path)
    publisher.files.update(split)
    other = zipped(toy__ratings_dot_dat=LOG.replace("20::", "19::"), toy__movies_dot_dat=TITLES)
    publisher.files["toy.zip"] = other
    with pytest.raises(InputError, match="must hold the pairs of the authors' toy files"):
        download_dataset(toy(publisher, other, split), tmp_path / "Data")
    assert read_dataset(tmp_path / "Data", "toy").user_ids is None


def test_a_split_without_an_archive(publisher, tmp_path):
    split = split_files(tmp_path)
    publisher.files.update(split)
    dataset = download_dataset(toy(publisher, None, split), tmp_path / "Data")
    assert (dataset.num_train, dataset.item_ids) == (580, None)
    assert (tmp_path / "Data/toy.json").exists()


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"no zip at all", "must be a zip archive that can be unpacked"),
        (zipped(toy__ratings_dot_dat=LOG), "must hold toy/movies.dat"),
        (zipped(toy__ratings_dot_dat="", toy__movies_dot_dat=TITLES), "at least one interaction"),
        (ARCHIVE.replace(b"toy/ratings.dat", b"toy/../../etc.d"), "must hold toy/ratings.dat"),
        (ARCHIVE[:60] + b"\xff\xff\xff" + ARCHIVE[63:], "must be a zip archive that can be unpacked"),
    ],
)
def test_archives_that_are_not_what_they_should_be(publisher, tmp_path, archive, message):
    publisher.files["toy.zip"] = archive
    with pytest.raises(InputError, match=message):
        download_dataset(toy(publisher, archive), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.zip"]


def test_an_archive_that_unpacks_to_too_much(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MOST_UNPACKED_BYTES", 100)
    with pytest.raises(InputError, match=r"ratings.dat in .*toy.zip must have at most 100 bytes"):
        download_dataset(toy(publisher), tmp_path)


@pytest.mark.parametrize("step", ["copyfileobj", "write_ids"])
def test_a_full_disk_while_preparing(publisher, tmp_path, monkeypatch, step):
    split = split_files(tmp_path)
    publisher.files.update(split)
    known = toy(publisher, split=split)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil if step == "copyfileobj" else download, step, full)
        with pytest.raises(InputError, match=r"room for the dataset\. Received: No space left on device"):
            download_dataset(known, tmp_path / "Data")
    names = {path.name for path in (tmp_path / "Data").iterdir()}
    assert names == {"toy.zip", *(name for name, _ in split)}
    assert download_dataset(known, tmp_path / "Data").item_ids is not None


@pytest.fixture
def known_toy(publisher, monkeypatch):
    monkeypatch.setattr(known_datasets, "KNOWN_DATASETS", {"toy": toy(publisher)})


def test_the_command(known_toy, tmp_path, capsys):
    assert command.main(["toy", "--path", str(tmp_path)]) == 0
    output = capsys.readouterr()
    assert output.out.splitlines() == [
        f"toy: 20 users, {NUM_ITEMS} items, 580 train and 20 test interactions",
        f"Train on it: python run/NeuMF.py --path {tmp_path} --dataset toy",
    ]
    assert output.err.startswith("Licence: Free.\n")


def test_the_command_ends_with_status_2_and_one_sentence(known_toy, publisher, tmp_path, capsys):
    publisher.status = 404
    assert command.main(["toy", "--path", str(tmp_path)]) == 2
    error = capsys.readouterr().err.removeprefix("Licence: Free.\n")
    assert error.startswith("error: http://127.0.0.1") and error.count("\n") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_only(known_toy, tmp_path, monkeypatch, terminal):
    class Stream(io.StringIO):
        def isatty(self):
            return terminal

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("sys.stderr", stream := Stream())
    assert command.main(["toy", "--path", str(tmp_path)]) == 0
    drawn = stream.getvalue()
    assert ("━" in drawn) is terminal
    assert ("\x1b" in drawn) is terminal
    assert "Licence: Free.\n" in drawn


def test_an_interrupt_says_how_to_go_on(known_toy, tmp_path, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "fetch", interrupted)
    assert command.main(["toy", "--path", str(tmp_path)]) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_an_unknown_dataset_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["ml-3m"])
    assert end.value.code == 2
    assert "ml-100k" in capsys.readouterr().err


def test_the_known_datasets_are_those_of_the_documentation():
    assert list(KNOWN_DATASETS) == ["ml-100k", "ml-1m", "ml-10m", "ml-20m", "pinterest-20"]
    for name, known in KNOWN_DATASETS.items():
        assert known.name == name
        for remote in (*known.split, *filter(None, [known.archive])):
            kind, digest = remote.checksum.split(":")
            assert remote.url.startswith("https://")
            assert len(bytes.fromhex(digest)) == {"md5": 16, "git": 20}[kind]
        assert known.licence
        assert known.split or known.archive
    assert dataclasses.is_dataclass(KNOWN_DATASETS["ml-1m"])


def test_the_authors_test_files_have_the_git_checksums():
    for remote in KNOWN_DATASETS["ml-1m"].split[1:]:
        assert checksum(shared(f"data/{remote.name}").read_bytes(), "git") == remote.checksum


def test_a_missing_known_dataset_names_the_command(tmp_path):
    with pytest.raises(
        InputError, match=r"no file .*ml-1m.train.rating; `python run/download.py ml-1m` downloads it"
    ):
        read_dataset(tmp_path, "ml-1m")
    assert download_hint("mine") == ""
