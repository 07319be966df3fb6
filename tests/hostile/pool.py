"""A directory of good and hostile paths, copied for each draw, and what changed in it."""

import gzip
import hashlib
import os
import shutil
import socket
import stat
from pathlib import Path
from typing import NamedTuple

from tests.hostile.fork_server import LOG, NOBODY

# The dataset of the pool: titles and ids as an enemy would choose them.
TITLES = "a,A \x1b[31mred\x1b[0m\nb,[red]B[/red]\nc,=cmd|' /C calc'!A0\nd,D\n"
FOREIGN = ".writing-foreign.part"
FEW = ("--num_factors", "4", "--batch_size", "16", "--topk", "1", "--seed", "1")


class Entry(NamedTuple):
    """What lies at a path: its kind and mode, and the content's digest, the link's target or the device."""

    kind: int
    mode: int
    what: object
    inode: int

    def same(self, other: "Entry | None") -> bool:
        return other is not None and self[:3] == other[:3]


def build_template(directory: Path, server=None) -> None:
    """Fill a directory with what is the same in every pool; models and checkpoints only with a server."""
    directory.mkdir()
    for name in ("Data", "saved", "ck", "ck-cut", "ck-odd", "ck-new", "ck-lock-link", "ck-lock-pipe",
                 "ck-lock-directory", "served/1", "served/.exporting-dead", "tb", "dl-pipe", "dl-part",
                 "dl-link", "Data/.writing-strange-abc", "parts/day=2"):  # fmt: skip
        (directory / name).mkdir(parents=True)
    for suffix, text in _dataset().items():
        (directory / f"Data/v{suffix}").write_text(text)
        if suffix.startswith((".train", ".test")):
            (directory / f"Data/w{suffix}").write_text(text)
            (directory / f"Data/empty{suffix}").touch()
            (directory / f"Data/junk{suffix}").write_bytes(bytes(range(256)))
    (directory / "Data/.writing-strange-abc/file").write_text("of another command")
    for place in ("Data", "saved", "ck", "tb", "served", "."):
        (directory / place / FOREIGN).write_text("of another command")
    (directory / "log.csv").write_text(LOG)
    (directory / "log.csv.gz").write_bytes(gzip.compress(LOG.encode(), mtime=0))
    header, *rows = LOG.splitlines(keepends=True)
    (directory / "parts/0.csv").write_text(header + "".join(rows[:3]))
    (directory / "parts/day=2/1.csv.gz").write_bytes(gzip.compress("".join(rows[3:]).encode(), mtime=0))
    (directory / "parts/_SUCCESS").touch()
    (directory / "movies.csv").write_text(TITLES)
    (directory / "users.txt").write_text("ann\n007\nnobody\n")
    rows = "iteration,hr,ndcg,loss,train_seconds,evaluation_seconds\r\n-1,0.1,0.1,,,0\r\n0,0.5,0.2,0.7,1,0\r\n"
    for name in ("run.csv", "run2.csv"):
        (directory / name).write_text(rows.replace("-1,0.1,0.1,,,0\r\n", ""))
    (directory / "figures.json").write_text("{}\n")
    (directory / "figures.csv").write_text("old\n")
    (directory / "picture.png").write_bytes(b"\x89PNG\r\n")
    (directory / "precious").write_text("precious\n" * 9)
    (directory / "saved/v_GMF_4_1.h5").write_text("an older model")
    (directory / "served/1/saved_model.pb").write_text("an older export")
    (directory / "served/.exporting-dead/half").write_text("half")
    (directory / "tb/events.out.tfevents.1.old").write_text("older curves")
    (directory / "ck-odd/.lock").touch()
    for name in ("gmf.h5", "mlp.h5", "neumf.h5", "other.h5", "gmf.keras", "gmf.weights.h5"):
        (directory / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    if server is not None:
        _add_models(directory, server)
    (directory / "model").mkdir()
    shutil.copy(directory / "gmf.h5", directory / "model/gmf.h5")


def _dataset() -> dict[str, str]:
    return {
        ".train.rating": "0\t0\t1\t1\n1\t2\t1\t3\n1\t1\t1\t4\n2\t2\t1\t6\n",
        ".test.rating": "0\t1\t1\t2\n1\t3\t1\t5\n",
        ".test.negative": "(0,1)\t2\n(1,3)\t0\n",
        ".users.csv": 'index,user_id\n0,"ann"\n1,"007"\n2,"cleo"\n',
        ".items.csv": 'index,item_id,title\n0,"a","A \x1b[31mred"\n1,"b","[red]B"\n2,"c\x1b]0;x\x07","=1+1"\n'
        '3,"d","D"\n',
    }


def _add_models(directory: Path, server) -> None:
    streams = directory.parent / "template-streams"
    (streams / "tmp").mkdir(parents=True)
    (streams / "stdin").touch()

    def run(*line: str) -> None:
        ended = server.run(line[0], line[1:], directory, streams)
        assert ended.status == 0, ended

    for kind in ("GMF", "MLP", "NeuMF"):
        run("weights", kind, "3", "4", f"{kind.lower()}.h5", "h5")
    run("weights", "GMF", "9", "9", "other.h5", "h5")
    run("weights", "GMF", "3", "4", "gmf.keras", "keras")
    run("weights", "GMF", "3", "4", "gmf.weights.h5", "weights")
    run("GMF", "--path", "Data/", "--dataset", "v", *FEW, "--epochs", "1", "--save_dir", "saved",
        "--checkpoint_dir", "ck")  # fmt: skip
    for file in (directory / "ck").glob("epoch-*.checkpoint"):
        content = file.read_bytes()
        (directory / "ck-cut" / file.name).write_bytes(content[:-5])
    (directory / "ck/.writing-epoch-000001.checkpoint-abc.part").write_text("half")


def copy_pool(template: Path, pool: Path) -> None:
    """Copy a template and add what can't be copied: links, pipes, sockets, devices, and what is locked away."""
    shutil.copytree(template, pool, symlinks=True)
    for name, target in (
        ("link.h5", "gmf.h5"), ("link.csv", "log.csv"), ("link-Data", "Data"), ("here", "."), ("link-ck", "ck"),
        ("link-saved", "saved"), ("ck-lock-link/.lock", "../precious"),
        ("dl-link/ml-100k.zip.part", "../precious"),
        ("Data/loop.train.rating", "loop.train.rating"), ("Data/loop.test.rating", "v.test.rating"),
        ("Data/loop.test.negative", "v.test.negative"), ("Data/pipe.test.rating", "v.test.rating"),
        ("Data/pipe.test.negative", "v.test.negative"),
    ):  # fmt: skip
        (pool / name).symlink_to(target)
    os.link(pool / "gmf.h5", pool / "hard.h5")
    os.link(pool / "log.csv", pool / "hard.csv")
    for name in ("ck-lock-pipe/.lock", "ck-odd/epoch-000001.checkpoint", "dl-pipe/ml-100k.zip",
                 "dl-part/ml-100k.zip.part", "Data/pipe.train.rating"):  # fmt: skip
        os.mkfifo(pool / name)
    (pool / "ck-lock-directory/.lock").mkdir()
    for name, mode in (("locked", 0o000), ("unsearchable", 0o644), ("read-only", 0o555)):
        (pool / name).mkdir()
        shutil.copytree(template / "Data", pool / name / "Data")
        shutil.copy(template / "gmf.h5", pool / name)
        shutil.copy(template / "log.csv", pool / name)
        (pool / name).chmod(mode)
    if os.getuid() == 0:
        for folder, folders, files in os.walk(pool):
            for name in (".", *folders, *files):
                os.chown(Path(folder, name), NOBODY, NOBODY, follow_symlinks=False)
        # What belongs to somebody else.
        (pool / "others").mkdir()
        shutil.copy(template / "gmf.h5", pool / "others/gmf.h5")
        (pool / "others/gmf.h5").chmod(0o600)


def add_entry(pool: Path, name: str, kind: str, good: str) -> None:
    """Put something at a path of a pool; `good` is a path in it that fits where the new one is used."""
    path = pool / name
    if kind == "empty":
        path.touch()
    elif kind in ("copy", "unreadable", "protected", "junk"):
        source = pool / good
        content = source.read_bytes() if kind != "junk" and source.is_file() else b"\xff\x00\x1b[31mjunk\n" * 50
        path.write_bytes(content)
        path.chmod({"unreadable": 0o000, "protected": 0o444}.get(kind, 0o644))
    elif kind == "hard link" and (pool / good).is_file():
        path.hardlink_to(pool / good)
    elif kind in ("link", "dangling", "dangling far", "loop", "link to null", "link to directory"):
        targets = {"link": good, "dangling": "nowhere", "dangling far": "missing/directory/file", "loop": name}
        path.symlink_to(targets.get(kind, "/dev/null" if kind == "link to null" else "saved"))
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        _make_socket(path)
    elif kind.endswith("device") and os.getuid() == 0:
        os.mknod(path, stat.S_IFCHR, os.makedev(1, 3 if kind == "null device" else 7))
        path.chmod(0o666)
    elif kind.endswith(("pipe", "device")):
        os.mkfifo(path)
    if os.getuid() == 0 and os.path.lexists(path):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def _make_socket(path: Path) -> None:
    # The address of a socket has 108 bytes at most.
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.fsencode(f"/proc/self/fd/{handle}/{path.name}")[:107])
    finally:
        os.close(handle)


def snapshot(pool: Path) -> dict[str, Entry]:
    """Return what lies at each path below a directory; links are not followed."""
    found = {}
    for folder, folders, files in os.walk(pool):
        for name in (*folders, *files):
            path = os.path.join(folder, name)  # noqa: PTH118
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            what: object = status.st_rdev
            if kind == stat.S_IFREG:
                what = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            elif kind == stat.S_IFLNK:
                what = os.readlink(path)  # noqa: PTH115
            found[os.path.relpath(path, pool)] = Entry(kind, stat.S_IMODE(status.st_mode), what, status.st_ino)
    return found
