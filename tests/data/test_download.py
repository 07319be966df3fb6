import errno
import fcntl
import hashlib
import io
import json
import os
import resource
import shutil
import zipfile
from unittest import mock

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli import download as command
from ncf_keras.data import download, read_dataset
from ncf_keras.data.dataset_files import COLD, SUFFIXES, VALIDATION
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.download import download_dataset, fetch
from ncf_keras.data.known_datasets import KNOWN_DATASETS, KnownDataset, RemoteFile, download_hint
from ncf_keras.data.logs.log import Log
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.reading import file_digest
from tests.data.loopback import serving
from tests.shared_files import shared

CONTENT = np.random.default_rng(0).bytes(300_000)
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
            # Of a fixed date: the bytes are part of the names of tests, which all workers must agree on.
            member = zipfile.ZipInfo(name.replace("__", "/").replace("_dot_", "."))
            member.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(member, data)
    return stream.getvalue()


ARCHIVE = zipped(toy__ratings_dot_dat=LOG, toy__movies_dot_dat=TITLES, __etc__evil="x")


def checksum(data):
    return "md5:" + hashlib.md5(data).hexdigest()


def git_checksum(data):
    return "git:" + hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def publisher():
    with serving({"file.zip": CONTENT}) as publisher:
        yield publisher


def toy(publisher, archive=ARCHIVE, split=()):
    """A known dataset whose publisher, on loopback, serves these files."""
    publisher.files |= dict(split) | {"toy.zip": archive}
    files = tuple(RemoteFile(name, publisher.url, git_checksum(data)) for name, data in split)
    remote = archive and RemoteFile("toy.zip", publisher.url, checksum(archive))
    return KnownDataset("toy", files, remote, "toy/ratings.dat", "toy/movies.dat", "Free.")


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """The three files of LOG's split, as authors would publish them."""
    folder = tmp_path_factory.mktemp("split")
    (folder / "log.dat").write_text(LOG)
    write_prepared(folder / "toy", prepare(Log.of(folder / "log.dat").read(), PrepareOptions(seed=7)), {})
    return [(f"toy{suffix}", (folder / f"toy{suffix}").read_bytes()) for suffix in SUFFIXES[:3]]


def test_an_archive_is_prepared_and_a_second_run_downloads_nothing(publisher, tmp_path):
    steps, known, folder = [], toy(publisher), tmp_path / "Data"
    dataset = download_dataset(known, folder, on_step=steps.append)
    assert repr(dataset).startswith(f"<Dataset toy: 20 users x {NUM_ITEMS} items, 580 train interactions")
    assert dataset.user_ids == [str(user) for user in range(1, 21)]
    assert dataset.item_titles == [f"Film {item}, L'été" for item in dataset.item_ids]
    assert {path.name for path in folder.iterdir()} == {"toy" + end for end in (*SUFFIXES, ".zip")}
    source = json.loads((folder / "toy.json").read_text())["source"]
    assert source["downloaded_from"] == {publisher.url + "toy.zip": checksum(ARCHIVE)}
    assert source["licence"] == "Free."
    assert any("MD5 verified" in step for step in steps)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    download_dataset(known, folder, on_step=steps.append)
    assert steps[-1] == "toy is there already."
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    (folder / "toy.test.negative").unlink()
    assert download_dataset(known, folder).num_train == 580
    assert len(publisher.requests) == 1


def test_the_authors_split_is_taken_as_it_is_and_gets_ids_from_the_archive(publisher, tmp_path, split):
    known = toy(publisher, split=split)
    for suffix in (COLD, VALIDATION):
        # Of a dataset that had this name before.
        (tmp_path / f"toy{suffix}").write_text("0\t1\t5\n")
    dataset = download_dataset(known, tmp_path)
    assert all((tmp_path / name).read_bytes() == data for name, data in split)
    assert dataset.cold_users is dataset.train_is_validation is None
    assert dataset.item_ids[0] == LOG.split("::")[1]
    assert dataset.item_titles[0] == f"Film {dataset.item_ids[0]}, L'été"
    report = json.loads((tmp_path / "toy.json").read_text())
    assert report["split"] == "the authors' own"
    assert len(report["source"]["downloaded_from"]) == 4
    assert download_dataset(known, tmp_path).num_train == 580
    assert len(publisher.requests) == 4


def test_a_split_without_an_archive_or_with_one_of_other_pairs_has_no_ids(publisher, tmp_path, split):
    dataset = download_dataset(toy(publisher, None, split), tmp_path)
    assert (dataset.num_train, dataset.item_ids, (tmp_path / "toy.json").exists()) == (580, None, True)
    other = zipped(toy__ratings_dot_dat=LOG.replace("20::", "19::"), toy__movies_dot_dat=TITLES)
    with pytest.raises(InputError, match="must hold the pairs of the authors' toy files"):
        download_dataset(toy(publisher, other, split), tmp_path)
    assert read_dataset(tmp_path, "toy").user_ids is None


@pytest.mark.parametrize(("archive", "message"), [
    (b"no zip at all", "must be a zip archive that can be unpacked"),
    (zipped(toy__ratings_dot_dat=LOG), "must hold toy/movies.dat"),
    (zipped(toy__ratings_dot_dat="", toy__movies_dot_dat=TITLES), "at least one interaction"),
    (zipped(toy__ratings_dot_dat=LOG + "x"), r"ratings.dat in .*toy.zip must have at most [\d,]+ bytes"),
    (ARCHIVE.replace(b"toy/ratings.dat", b"toy/../../etc.d"), "must hold toy/ratings.dat"),
    (ARCHIVE[:60] + b"\xff\xff\xff" + ARCHIVE[63:], "must be a zip archive that can be unpacked"),
])  # fmt: skip
def test_archives_that_are_not_what_they_should_be(publisher, tmp_path, archive, message):
    with pytest.raises(InputError, match=message):
        download_dataset(toy(publisher, archive), tmp_path, most_unpacked_bytes=len(LOG))
    assert [path.name for path in tmp_path.iterdir()] == ["toy.zip"]


@pytest.mark.parametrize("step", ["copyfileobj", "write_ids"])
def test_a_full_disk_while_preparing(publisher, tmp_path, monkeypatch, split, step):
    known = toy(publisher, split=split)
    full = mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    with monkeypatch.context() as patch:
        patch.setattr(shutil if step == "copyfileobj" else download, step, full)
        with pytest.raises(InputError, match=r"room for the dataset\. Received: No space left on device"):
            download_dataset(known, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"toy.zip", *dict(split)}
    assert download_dataset(known, tmp_path).item_ids is not None


def run_command(publisher, path):
    return command.main(["toy", "--path", str(path)], known={"toy": toy(publisher)})


def test_the_command_ends_with_status_2_and_one_sentence(publisher, tmp_path, capsys):
    publisher.status = 404
    assert run_command(publisher, tmp_path) == 2
    error = capsys.readouterr().err.removeprefix("Licence: Free.\n")
    assert error.startswith("error: http://127.0.0.1") and error.count("\n") == 1
    (tmp_path / "file").touch()
    assert run_command(publisher, tmp_path / "file") == 2
    assert "error: `--path` must be a directory that can be written to" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        command.main(["ml-3m"])
    assert end.value.code == 2 and "ml-100k" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_the_command_draws_a_bar_on_a_terminal_only(publisher, tmp_path, monkeypatch, capsys, terminal):
    class Stream(io.StringIO):
        def isatty(self):
            return terminal

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("sys.stderr", stream := Stream())
    assert run_command(publisher, tmp_path) == 0
    drawn = stream.getvalue()
    assert ("━" in drawn) is ("\x1b" in drawn) is terminal and drawn.startswith("Licence: Free.\n")
    assert capsys.readouterr().out.splitlines() == [
        f"toy: 20 users, {NUM_ITEMS} items, 580 train and 20 test interactions",
        f"Train on it: ncf neumf --path {tmp_path} --dataset toy",
    ]


def test_an_interrupt_says_how_to_go_on(publisher, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download, "fetch", mock.Mock(side_effect=KeyboardInterrupt))
    assert run_command(publisher, tmp_path) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_the_known_datasets_are_those_of_the_documentation(tmp_path):
    assert list(KNOWN_DATASETS) == ["ml-100k", "ml-1m", "ml-10m", "ml-20m", "pinterest-20"]
    for name, known in KNOWN_DATASETS.items():
        assert known.name == name and known.licence and (known.split or known.archive)
        for remote in (*known.split, *filter(None, [known.archive])):
            kind, digest = remote.checksum.split(":")
            assert remote.url.startswith("https://")
            assert len(bytes.fromhex(digest)) == {"md5": 16, "git": 20}[kind]
    with pytest.raises(InputError, match=r"no file .*rating; `ncf download ml-1m` downloads it"):
        read_dataset(tmp_path, "ml-1m")
    assert download_hint("mine") == ""


def test_the_authors_test_files_have_the_git_checksums_and_pro_gits_example_has_its_own(tmp_path):
    file = tmp_path / "blob"
    file.write_bytes(b"what is up, doc?")
    # The example of the Pro Git book, section 10.2.
    assert file_digest(file, "git") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    for remote in KNOWN_DATASETS["ml-1m"].split[1:]:
        assert git_checksum(shared(f"data/{remote.name}").read_bytes()) == remote.checksum


def remote(publisher):
    return RemoteFile("file.zip", publisher.url, checksum(CONTENT))


def starts(publisher):
    return [wanted and int(wanted[6:-1]) for _, wanted in publisher.requests]


def test_a_file_is_fetched_verified_and_then_used_from_there(publisher, tmp_path):
    seen = []
    file = fetch(remote(publisher), tmp_path, lambda *progress: seen.append(progress))
    assert file.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]
    assert (seen[0], seen[-1]) == (("file.zip", 0, 300_000), ("file.zip", 300_000, 300_000))
    assert fetch(remote(publisher), tmp_path) == file
    assert len(publisher.requests) == 1


def test_a_cut_connection_is_taken_up_where_it_was_cut_at_once_and_by_the_next_run(publisher, tmp_path):
    publisher.cuts = [60_000, 40_000, 0]
    with pytest.raises(InputError, match=r"run the same command again to go on .*100,000 of 300,000 bytes"):
        fetch(remote(publisher), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip.part"]
    assert (tmp_path / "file.zip.part").read_bytes() == CONTENT[:100_000]
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == [None, 60_000, 100_000, 100_000]
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]


@pytest.mark.parametrize(("beginning", "server", "asked"), [
    (CONTENT, {}, [300_000]),
    (CONTENT[:1000], {"ranges": False}, [1000]),
    (CONTENT[:1000], {"shift": 7}, [1000, None]),
    (b"", {"sizes": False}, [None]),
    (b"of another file" * 9, {}, [135, None]),
    (CONTENT + b"and more", {}, [300_008, None]),
    (b"x" * 300_000, {}, [300_000, None]),
], ids=["whole", "no ranges", "another range", "no size", "of another file", "too long", "wrong"])  # fmt: skip
def test_whatever_an_earlier_run_left_the_file_comes_whole(publisher, tmp_path, beginning, server, asked):
    (tmp_path / "file.zip.part").write_bytes(beginning)
    for name, value in server.items():
        setattr(publisher, name, value)
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == asked


def test_a_wrong_checksum_leaves_nothing(publisher, tmp_path):
    publisher.files["file.zip"] = CONTENT[:-1] + b"?"
    with pytest.raises(InputError, match=f"must have the MD5 {checksum(CONTENT)[4:]} .*deleted: run the same"):
        fetch(remote(publisher), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_file_at_the_publisher_and_with_another_of_its_name_here(publisher, tmp_path):
    publisher.status = 503
    with pytest.raises(InputError, match=r"HTTP 503 Service Unavailable.*by hand"):
        fetch(remote(publisher), tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file.zip").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"move .*file.zip away"):
        fetch(remote(publisher), tmp_path)
    assert (tmp_path / "file.zip").read_bytes() == b"mine" and len(publisher.requests) == 1


def test_offline_names_the_two_ways_on(tmp_path):
    with serving({}) as publisher:
        url = publisher.url
    with pytest.raises(InputError) as caught:
        fetch(RemoteFile("file.zip", url, "md5:00"), tmp_path)
    sentence, by_hand = str(caught.value), f"download {url}file.zip by hand, put it at {tmp_path / 'file.zip'}"
    for words in ("must be reachable", "refused", by_hand, "`--dataset sample`"):
        assert words in sentence
    assert "\n" not in sentence and list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(publisher, tmp_path, monkeypatch):
    full = mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    with monkeypatch.context() as patch:
        patch.setattr(download._Part, "write", full)
        with pytest.raises(InputError, match=r"must have room for the download: .*No space left on device"):
            fetch(remote(publisher), tmp_path)
    # No file may be larger than that, as on some disks of others.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"must have files that can be written: .*File too large"):
            fetch(remote(publisher), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "file.zip.part").read_bytes() == CONTENT[:100_000]
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT


def test_two_downloads_into_one_directory_do_not_mix(publisher, tmp_path, monkeypatch):
    part = tmp_path / "file.zip.part"
    part.write_bytes(CONTENT[:1000])
    with part.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=r"`directory` must be one that no other .* file.zip into"):
            fetch(remote(publisher), tmp_path)
    assert part.read_bytes() == CONTENT[:1000] and not publisher.requests

    def locked_late(descriptor, path):
        """Another command completes the file between the opening and the locking of its beginning."""
        if not (tmp_path / "file.zip").exists():
            part.write_bytes(CONTENT)
            part.replace(tmp_path / "file.zip")
        return True

    monkeypatch.setattr(download, "take_lock", locked_late)
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"] and not publisher.requests


def test_what_a_stranger_put_in_place_of_the_beginning_is_left_alone(publisher, tmp_path):
    part, victim = tmp_path / "file.zip.part", tmp_path / "victim"
    victim.write_text("mine")
    for make in (lambda: part.symlink_to(victim), lambda: os.mkfifo(part), part.mkdir):
        make()
        with pytest.raises(InputError, match=r"file\.zip\.part must be a file that can be locked"):
            fetch(remote(publisher), tmp_path)
        (part.rmdir if part.is_dir() and not part.is_symlink() else part.unlink)()
    (tmp_path / "file.zip").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"file\.zip must be a regular file"):
        fetch(remote(publisher), tmp_path)
    assert victim.read_text() == "mine" and not publisher.requests


def test_a_file_system_without_locks_takes_downloads(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", mock.Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    assert download_dataset(toy(publisher), tmp_path).num_train == 580
    assert {path.name for path in tmp_path.iterdir()} == {"toy" + end for end in (*SUFFIXES, ".zip")}


def test_what_a_killed_run_was_unpacking_is_removed(publisher, tmp_path):
    (tmp_path / ".unpacking-toy.zip-dead").mkdir()
    (tmp_path / ".unpacking-toy.zip-dead" / "ratings.dat").touch()
    download_dataset(toy(publisher), tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_ids_beside_the_authors_split_are_of_one_run_with_it(publisher, tmp_path, split):
    known = toy(publisher, split=split)
    download_dataset(known, tmp_path)
    titles = (tmp_path / "toy.items.csv").read_text()
    (tmp_path / "toy.items.csv").write_text(titles.replace("Film", "film"))
    with pytest.raises(InputError, match=r"toy\.items\.csv must be the file that .*toy\.json describes"):
        download_dataset(known, tmp_path)
    (tmp_path / "toy.json").unlink()
    assert download_dataset(known, tmp_path).item_titles[0].startswith("Film")


def test_a_size_of_many_digits_is_none_and_a_long_answer_is_shortened(publisher, tmp_path, monkeypatch):
    publisher.length = "9" * 5000
    publisher.files["file.zip"] = CONTENT
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    publisher.status, publisher.reason = 404, "\x1b[31m" + "no" * 1000
    with pytest.raises(InputError) as caught:
        fetch(RemoteFile("other.zip", publisher.url, "md5:00"), tmp_path)
    assert "\x1b" not in str(caught.value) and "no" * 50 not in str(caught.value)


def test_an_endless_file_and_a_connection_that_is_cut_every_time_are_given_up(publisher, tmp_path):
    publisher.cuts = [10] * 5
    with pytest.raises(InputError, match="50 of 300,000 bytes"):
        fetch(remote(publisher), tmp_path)
    assert len(publisher.requests) == 5
    for sizes, received in ((True, "300,000"), (False, "more")):
        publisher.sizes = sizes
        with pytest.raises(InputError, match=f"at most 1,000 bytes. Received: {received}"):
            fetch(remote(publisher), tmp_path, most_bytes=1000)
