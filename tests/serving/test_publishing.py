"""Versions that appear whole or not at all, whoever else exports, fails or is killed meanwhile."""

import errno
import multiprocessing
import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving import publishing
from ncf_keras.serving.publishing import PREFIX, next_version, publish, remove_version, versions

CONTENTS = {"a": "first", "folder/b": "second"}


def build(directory):
    assert list(directory.iterdir()) == []
    for name, text in CONTENTS.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)


def contents(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_text() for path in files}


def names(base):
    return sorted(path.name for path in base.iterdir())


def test_what_fails_after_the_rename_does_not_unsay_the_export(tmp_path, monkeypatch):
    """A disk that says so only when the directory's new entry is flushed."""
    real = os.fsync

    def failing(handle):
        if (tmp_path / "1").exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle)

    monkeypatch.setattr(os, "fsync", failing)
    assert publish(build, tmp_path) == tmp_path / "1" and contents(tmp_path / "1") == CONTENTS


def test_a_version_is_no_directory_of_versions(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()
    with pytest.raises(InputError, match="must be the directory of a model, not of one of its versions"):
        publish(build, tmp_path / "1")
    assert names(tmp_path / "1") == ["saved_model.pb"]


def test_versions_are_counted_on(tmp_path):
    base = tmp_path / "models" / "ncf"
    assert (next_version(base), versions(base)) == (1, {})
    assert publish(build, base) == base / "1"
    assert stat.S_IMODE((base / "1").stat().st_mode) == 0o755, "another user may read it"
    for asked, given in ((None, "2"), (10, "10"), (4, "4"), (None, "11")):
        assert publish(build, base, asked) == base / given
    assert list(versions(base)) == [1, 2, 4, 10, 11] and len(names(base)) == 5
    assert all(contents(path) == CONTENTS for path in base.iterdir())


def test_only_what_a_server_takes_for_a_version_is_one(tmp_path):
    for name in ("007", "-1", "1.5", "x9", "²", "", ".exporting-3", str(2**63), str(2**63 - 1)):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "12").write_text("a file")
    (tmp_path / f"{PREFIX}notes.txt").write_text("a file of the user")
    assert list(versions(tmp_path)) == [7, 2**63 - 1]
    publish(build, tmp_path, 3)
    assert {"12", f"{PREFIX}notes.txt", "x9", "3"} <= set(names(tmp_path)), "what is not ours is left alone"


def test_a_number_that_is_no_version_and_a_file_are_refused(tmp_path):
    for version in (-1, 2**63):
        with pytest.raises(InputError, match=f"`version` must be between 0 and {2**63 - 1}. .*: {version}"):
            publish(build, tmp_path, version)
    (tmp_path / "m").write_text("")
    with pytest.raises(InputError, match=r"`directory` must be a directory that can be written to"):
        publish(build, tmp_path / "m")


def test_a_version_is_never_written_over(tmp_path):
    publish(build, tmp_path, 3)
    (tmp_path / "3" / "a").write_text("kept")

    def never(directory):
        raise AssertionError("must not be built")

    with pytest.raises(InputError, match=r"`version` must be one that does not exist yet. Received: .*/3"):
        publish(never, tmp_path, 3)
    assert contents(tmp_path / "3")["a"] == "kept"


def test_a_version_that_somebody_takes_meanwhile_is_not_written_over(tmp_path, monkeypatch):
    def raced(directory):
        build(directory)
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "a").write_text("theirs")

    with pytest.raises(InputError, match=r"does not exist yet"):
        publish(raced, tmp_path, 1)
    assert names(tmp_path) == ["1"] and contents(tmp_path / "1") == {"a": "theirs"}
    answers = iter([1, 1, 2])
    monkeypatch.setattr("ncf_keras.serving.publishing.next_version", lambda base: next(answers))
    assert publish(build, tmp_path) == tmp_path / "2", "without a number of our own, the next is taken"


def test_exporters_at_once_each_get_a_number(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: publish(build, tmp_path), range(40)))
    assert sorted(int(path.name) for path in paths) == list(range(1, 41))
    assert all(contents(path) == CONTENTS for path in paths) and len(names(tmp_path)) == 40


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_a_failed_build_leaves_nothing(fault, tmp_path):
    def failing(directory):
        build(directory)
        raise fault

    with pytest.raises(fault):
        publish(failing, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", [(os, "fsync"), (Path, "rename")])
def test_a_full_disk_is_told_and_leaves_nothing(call, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*call, full)
    with pytest.raises(InputError, match=r"`directory` must have room .*No space left on device"):
        publish(build, tmp_path)
    assert names(tmp_path) == []


def test_all_is_on_the_disk_before_it_has_a_number(tmp_path, monkeypatch):
    flushed, rename = [], Path.rename
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(Path(f"/proc/self/fd/{handle}").readlink()))

    def renamed(source, target):
        assert sorted(flushed) == sorted([source, *source.rglob("*")])
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", renamed)
    publish(build, tmp_path)
    assert flushed[-1] == tmp_path


def test_what_a_killed_exporter_left_is_removed_and_a_living_one_is_left_alone(tmp_path):
    context = multiprocessing.get_context("fork")
    listening, ready = context.Pipe(duplex=False)

    def build_forever(directory):
        build(directory)
        ready.send(directory.name)
        signal.pause()

    exporters = [context.Process(target=publish, args=(build_forever, tmp_path)) for _ in range(2)]
    try:
        for exporter in exporters:
            exporter.start()
        left = [listening.recv() for _ in exporters]
        assert sorted(names(tmp_path)) == sorted(left)
        publish(build, tmp_path)
        assert sorted(names(tmp_path)) == sorted([*left, "1"])
        exporters[0].kill()
        exporters[0].join()
        publish(build, tmp_path)
        assert len(names(tmp_path)) == 3
    finally:
        for exporter in exporters:
            exporter.kill()
            exporter.join()
    publish(build, tmp_path)
    assert names(tmp_path) == ["1", "2", "3"]


def test_a_version_that_is_removed_loses_its_number_before_its_first_file(tmp_path, monkeypatch):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "saved_model.pb").write_text("whole")

    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        real, calls = publishing.shutil.rmtree, []
        patch.setattr(
            publishing.shutil, "rmtree", lambda *a, **k: stopped() if calls else calls.append(real(*a, **k))
        )
        with pytest.raises(KeyboardInterrupt):
            remove_version(tmp_path / "1")
    assert list(versions(tmp_path)) == [2]
    assert [path.name for path in tmp_path.iterdir() if path.name != "2"] == [f"{PREFIX}removed1"]
    publish(lambda building: None, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_a_version_that_cannot_be_removed_is_a_sentence_and_stays(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()

    def refuse(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(InputError, match=r"1 must be a directory that can be removed. Received: Permission"):
        remove_version(tmp_path / "1")
    assert list(versions(tmp_path)) == [1]
