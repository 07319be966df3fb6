import errno
import hashlib
import subprocess

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import fetch as fetch_module
from ncf_keras.data.fetch import digest_of, fetch
from ncf_keras.data.known_datasets import RemoteFile
from tests.data.loopback import serving

CONTENT = np.random.default_rng(0).bytes(300_000)
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def publisher():
    with serving({"file.zip": CONTENT}) as publisher:
        yield publisher


def remote(publisher, checksum=MD5):
    return RemoteFile("file.zip", publisher.url, checksum)


def starts(publisher):
    return [wanted and int(wanted[6:-1]) for _, wanted in publisher.requests]


def test_a_file_is_fetched_verified_and_then_used_from_there(publisher, tmp_path):
    seen = []
    file = fetch(remote(publisher), tmp_path, lambda *progress: seen.append(progress))
    assert file.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]
    assert seen[0] == ("file.zip", 0, 300_000)
    assert seen[-1] == ("file.zip", 300_000, 300_000)
    assert fetch(remote(publisher), tmp_path) == file
    assert len(publisher.requests) == 1


def test_a_cut_connection_is_taken_up_where_it_was_cut(publisher, tmp_path):
    publisher.cuts = [100_000, 50_000]
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == [None, 100_000, 150_000]


def test_what_has_come_is_kept_for_the_next_run(publisher, tmp_path):
    publisher.cuts = [100_000, 0]
    with pytest.raises(InputError, match=r"run the same command again to go on .*100,000 of 300,000 bytes"):
        fetch(remote(publisher), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip.part"]
    assert (tmp_path / "file.zip.part").read_bytes() == CONTENT[:100_000]
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == [None, 100_000, 100_000]
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]


def test_a_connection_that_is_cut_every_time_is_given_up(publisher, tmp_path):
    publisher.cuts = [10] * 50
    with pytest.raises(InputError, match="50 of 300,000 bytes"):
        fetch(remote(publisher), tmp_path)
    assert len(publisher.requests) == 5


def test_a_server_that_ignores_ranges_is_read_from_the_start(publisher, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    publisher.ranges = False
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == [1000]


def test_a_server_that_answers_another_range_is_read_again_from_the_start(publisher, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    publisher.shift = 7
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == [1000, None]


@pytest.mark.parametrize("beginning", [b"of another file" * 9, CONTENT + b"and more", b"x" * 300_000])
def test_a_wrong_beginning_from_an_earlier_run_is_thrown_away(publisher, tmp_path, beginning):
    (tmp_path / "file.zip.part").write_bytes(beginning)
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher)[-1] is None


def test_a_whole_part_needs_no_more_than_its_name(publisher, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT)
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == [300_000]


def test_a_server_that_does_not_say_the_size(publisher, tmp_path):
    publisher.sizes = False
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(publisher, tmp_path):
    publisher.files["file.zip"] = CONTENT[:-1] + b"?"
    with pytest.raises(InputError, match=f"must have the MD5 {MD5[4:]} .*deleted: run the same command again"):
        fetch(remote(publisher), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_that_name_with_other_contents_is_left_alone(publisher, tmp_path):
    (tmp_path / "file.zip").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"move .*file.zip away"):
        fetch(remote(publisher), tmp_path)
    assert (tmp_path / "file.zip").read_bytes() == b"mine"
    assert publisher.requests == []


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "HTTP 404 Not Found"), (503, "HTTP 503 Service Unavailable")]
)
def test_a_publisher_without_the_file(publisher, tmp_path, status, reason):
    publisher.status = status
    with pytest.raises(InputError, match=reason) as caught:
        fetch(remote(publisher), tmp_path)
    assert "by hand" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_offline_names_the_two_ways_on(tmp_path):
    with serving({}) as publisher:
        url = publisher.url
    with pytest.raises(InputError) as caught:
        fetch(RemoteFile("file.zip", url, MD5), tmp_path)
    sentence = str(caught.value)
    assert "must be reachable" in sentence and "refused" in sentence
    assert f"download {url}file.zip by hand, put it at {tmp_path / 'file.zip'}" in sentence
    assert "`--dataset sample`" in sentence
    assert "\n" not in sentence
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_has_been_written(publisher, tmp_path, monkeypatch):
    def no_room_after(limit):
        real = type(tmp_path).open

        def opened(path, *arguments, **options):
            stream = real(path, *arguments, **options)
            if not path.name.endswith(".part"):
                return stream
            write = stream.write

            class Full:
                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    stream.close()

                def write(self, block):
                    if stream.tell() + len(block) > limit:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    return write(block)

            return Full()

        return opened

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "open", no_room_after(200_000))
        with pytest.raises(InputError, match=r"must have room for the download: .*No space left on device"):
            fetch(remote(publisher), tmp_path)
    kept = (tmp_path / "file.zip.part").read_bytes()
    assert 0 < len(kept) <= 200_000 and CONTENT.startswith(kept)
    assert not (tmp_path / "file.zip").exists()
    assert fetch(remote(publisher), tmp_path).read_bytes() == CONTENT
    assert starts(publisher) == [None, len(kept)]


def test_an_endless_file_is_refused(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_module, "MOST_BYTES", 1000)
    for sizes, received in ((True, "300,000"), (False, "more")):
        publisher.sizes = sizes
        with pytest.raises(InputError, match=f"at most 1,000 bytes. Received: {received}"):
            fetch(remote(publisher), tmp_path)


def test_git_blob_digest_is_what_git_says(tmp_path):
    file = tmp_path / "blob"
    file.write_bytes(b"what is up, doc?")
    # The example of the Pro Git book, section 10.2.
    assert digest_of(file, "git") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    file.write_bytes(CONTENT)
    try:
        said = subprocess.run(["git", "hash-object", file], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("needs git")
    assert digest_of(file, "git") == said.stdout.strip()
