"""What takes root, strace, mounts or devices of one's own: `pytest -m slow tests/hostile/test_rows.py`."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.hostile.fork_server import LOG, ForkServer
from tests.hostile.test_kills import run_whole
from tests.shared_files import PROJECT

pytestmark = pytest.mark.slow
DATA = "--path Data/ --dataset v"
COMMANDS = ("GMF", "MLP", "NeuMF", "evaluate", "compare", "convert", "recommend", "export", "prepare", "plot",
            "download", "ask")  # fmt: skip
# Where Python looks for a temporary directory, and what else is often its own mount.
WRITABLE = ("/", "/tmp", "/var/tmp", "/usr/tmp", "/dev/shm", "/run", "/home", "/root")


def has_mounts() -> bool:
    """Return whether a process may mount file systems that only it sees."""
    words = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(words, capture_output=True).returncode == 0


def can_make_devices() -> bool:
    """Return whether this process may make a null device that works."""
    with tempfile.TemporaryDirectory() as directory:
        device = Path(directory, "null")
        try:
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            device.write_text("x")
        except OSError:
            return False
    return True


needs_mounts = pytest.mark.skipif(not has_mounts(), reason="needs root and mounts of its own")
needs_devices = pytest.mark.skipif(not can_make_devices(), reason="needs root to make devices")
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    place = tmp_path_factory.mktemp("rows") / "template"
    (place / "Data").mkdir(parents=True)
    (place / "v.csv").write_text(LOG)
    with ForkServer() as server:
        run_whole(server, place, ("prepare", "v.csv", "--out", "Data/v", "--negatives", "1"))
        run_whole(server, place, ("weights", "GMF", "3", "4", "w.h5", "h5"))
        run = ("GMF", *DATA.split(), "--seed", "1", "--out", "0", "--epochs", "3", "--checkpoint_dir", "ck")
        run_whole(server, place, run)
    return place


@pytest.fixture
def place(template, tmp_path):
    shutil.copytree(template, tmp_path / "place")
    return tmp_path / "place"


def sh(place: Path, script: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a script in which `ncf` runs one of this project's commands."""
    function = f'ncf() {{ "{sys.executable}" "{PROJECT}/run/$1.py" "${{@:2}}"; }}; export -f ncf; '
    own = {**os.environ, "PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    for name in ("TMPDIR", "PYTHONUNBUFFERED"):
        own.pop(name, None)
    words = ["bash", "-c", function + script]
    how = {"cwd": place, "env": own | environment, "errors": "surrogateescape", "timeout": 300}
    ended = subprocess.run(words, capture_output=True, text=True, **how)
    assert "Traceback" not in ended.stderr + ended.stdout, ended.stderr
    assert "Exception ignored" not in ended.stderr, ended.stderr
    return ended


def assert_sentence(ended: subprocess.CompletedProcess, *parts: str) -> None:
    """Hold a failure to one sentence, the last line, which has these parts."""
    assert ended.returncode == 2, ended
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: ") and all(part in last for part in parts), ended.stderr


@needs_mounts
def test_an_export_on_a_full_disk_is_a_sentence_and_leaves_nothing(place):
    (place / "full").mkdir()
    export = f"ncf export --weights w.h5 {DATA} --to full/model"
    mount = "mount -t tmpfs -o size=64k none full"
    ended = sh(place, f"unshare -m bash -c '{mount} && {export}; status=$?; ls -A full/model; exit $status'")
    assert_sentence(ended, "must have room", "No space left on device")
    assert ended.stdout == ""


def test_an_export_beyond_the_largest_file_is_a_sentence_and_leaves_nothing(place):
    ended = sh(place, f"ulimit -f 1; ncf export --weights w.h5 {DATA} --to model")
    assert_sentence(ended, "must have room")
    assert list((place / "model").iterdir()) == []


def test_a_published_export_succeeds_whatever_standard_output_does(place):
    ended = sh(place, f"ncf export --weights w.h5 {DATA} --to model >/dev/full")
    assert ended.returncode == 0, ended
    assert "Note: model/1 is there" in ended.stderr and (place / "model/1/saved_model.pb").is_file()


@needs_strace
@pytest.mark.parametrize("error", ["EMFILE", "EACCES", "EIO"])
def test_checkpoints_that_cannot_be_opened_are_kept(place, error):
    before = sorted((place / "ck").iterdir())
    watched = " ".join(f"-P ck/{file.name}" for file in before if file.suffix == ".checkpoint")
    strace = f"strace -qq -f -o /dev/null {watched} -e trace=openat -e inject=openat:error={error}"
    command = f"{sys.executable} {PROJECT}/run/GMF.py"
    run = f"{DATA} --seed 1 --out 0 --epochs 4 --checkpoint_dir ck --resume"
    ended = sh(place, f"{strace} {command} {run}")
    assert_sentence(
        ended, "epoch-000003.checkpoint must be a file that can be read", os.strerror(_number(error))
    )
    assert sorted((place / "ck").iterdir()) == before
    assert sh(place, f"ncf GMF {run}").returncode == 0


def _number(error: str) -> int:
    import errno

    return getattr(errno, error)


@needs_mounts
class TestReadOnlySystem:
    """Nothing can be written anywhere, and there is no temporary directory."""

    def run(self, place, command):
        places = " ".join([*WRITABLE, str(place)])
        freeze = "if [ -d $d ]; then mount --bind $d $d && mount -o remount,bind,ro $d; fi"
        frozen = f"for d in {places}; do {freeze}; done"
        probe = "for d in /tmp /var/tmp /dev/shm .; do if touch $d/probe 2>/dev/null; then exit 9; fi; done"
        return sh(place, f"unshare -m bash -c '{frozen}; cd {place}; {probe}; {command}'")

    def test_help(self, place):
        everything = " && ".join(f"ncf {name} --help >/dev/null" for name in COMMANDS)
        assert self.run(place, everything).returncode == 0

    def test_lists_and_figures_on_standard_output(self, place):
        ended = self.run(
            place, f"ncf recommend --weights w.h5 --user ann {DATA} && ncf evaluate --weights w.h5 {DATA}"
        )
        assert ended.returncode == 0, ended
        assert "user" in ended.stdout.splitlines()[0] and "HR@10 = " in ended.stdout

    @pytest.mark.parametrize(
        "command",
        [
            f"ncf evaluate --weights w.h5 {DATA} --json figures.json",
            f"ncf recommend --popular {DATA} --to lists.csv",
            f"ncf GMF {DATA} --epochs 1 --seed 1",
            f"ncf GMF {DATA} --epochs 1 --seed 1 --out 0 --checkpoint_dir new",
            f"ncf GMF {DATA} --epochs 1 --seed 1 --out 0 --log_csv log.csv",
            f"ncf export {DATA} --weights w.h5 --to model",
            "ncf convert w.h5 --to new.h5",
            "ncf convert w.h5 --to new.keras",
            "ncf prepare v.csv --out Data/n --negatives 1",
            "ncf download ml-100k --path Data",
        ],
    )
    def test_what_writes_ends_in_a_sentence(self, place, command):
        assert_sentence(self.run(place, command), "Read-only file system")

    def test_devices_can_be_written_all_the_same(self, place):
        ended = self.run(place, f"ncf evaluate --weights w.h5 {DATA} --json /dev/null")
        assert ended.returncode == 0 or "temporary" in ended.stderr, ended


@needs_devices
def test_a_null_device_stays_one(place):
    os.mknod(place / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    ended = sh(place, f"ncf evaluate --weights w.h5 {DATA} --json null --per_user null")
    assert ended.returncode == 0, ended
    assert stat.S_ISCHR((place / "null").stat().st_mode)


def test_a_pipe_is_written_into_or_refused(place):
    os.mkfifo(place / "pipe")
    ended = sh(place, f"ncf evaluate --weights w.h5 {DATA} --json pipe")
    assert_sentence(ended, "`--json`", "pipe")
    command = f"ncf evaluate --weights w.h5 {DATA} --json pipe"
    ended = sh(place, f"cat pipe > got & {command}; status=$?; wait; exit $status")
    assert ended.returncode == 0, ended
    assert json.loads((place / "got").read_text())["protocol"] == "sampled"
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)


def test_a_log_into_a_pipe_without_a_reader_is_refused_before_training(place):
    os.mkfifo(place / "pipe")
    ended = sh(place, f"ncf GMF {DATA} --epochs 1 --seed 1 --out 0 --log_csv pipe")
    assert_sentence(ended, "`--log_csv`", "pipe")
    assert "Init" not in ended.stdout


def test_a_link_to_standard_output_is_written_into(place):
    (place / "stdout").symlink_to("/proc/self/fd/1")
    ended = sh(place, f"ncf evaluate --weights w.h5 {DATA} --json stdout")
    assert ended.returncode == 0, ended
    assert '"protocol": "sampled"' in ended.stdout and (place / "stdout").is_symlink()


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ("ncf GMF --dataset ml-1m --path no/ <&-", 2, "no/ml-1m.train.rating"),
        (f"ncf recommend --popular {DATA} >&-", 0, ""),
        (f"ncf GMF {DATA} --epochs 1 --out 0 --num_neg 0 2>&-", 0, "End. Best Iteration"),
        (f"ncf recommend --users_file - --weights w.h5 {DATA} <&-", 2, "`--users_file` must hold an id a line"),
        (f"ncf evaluate --weights w.h5 {DATA} <&- >&- 2>&-", 0, ""),
        (f"ncf export --weights w.h5 {DATA} --to model 2>/dev/full", 0, "model/1"),
        (f"ncf evaluate --weights w.h5 {DATA} >/dev/full", 2, "No space left on device"),
        (f"ncf recommend --weights missing.h5 --user ann {DATA} 2>/dev/full", 2, ""),
        ("ncf prepare --help >/dev/full", 0, ""),
    ],
)
def test_closed_and_full_streams(place, script, status, said):
    ended = sh(place, script)
    assert ended.returncode == status, ended
    assert said in ended.stdout + ended.stderr


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
@pytest.mark.parametrize(
    "command",
    [
        f"ncf evaluate --weights w.h5 {DATA}",
        f"ncf compare w.h5 w.h5 {DATA}",
        f"ncf recommend --popular {DATA}",
        "ncf prepare --help",
    ],
)
def test_streams_in_ascii(place, environment, command):
    ended = sh(place, command, **environment)
    assert ended.returncode == 0 and ended.stdout.isascii(), ended
