"""Commands that are killed: what each has before it, and what may lie there after a kill and at the end."""

import contextlib
import hashlib
import random
import re
import tempfile
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.data import read_dataset
from ncf_keras.training.checkpoints import read_checkpoint
from tests.cli.resuming import rows_without_clock, weights_in
from tests.cli.running import Run
from tests.hostile.fork_server import ForkServer
from tests.hostile.pool import LOG, snapshot
from tests.small_data import write_random_files
from tests.updating.nights import QUICK, write_logs

DATASET = (
    ".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv", ".waiting.csv", ".json",
    ".cold.rating", ".validation.rating",
)  # fmt: skip
SIZES = ("--num_factors", "4", "--layers", "[8,4]", "--batch_size", "16", "--topk", "3", "--seed", "3")


def run_whole(server: ForkServer, directory: Path, line, expected: int | None = 0, attach=None):
    """Run a command in a directory to its end; return how it ended."""
    with tempfile.TemporaryDirectory(prefix="streams-") as streams:
        (Path(streams) / "tmp").mkdir()
        (Path(streams) / "stdin").touch()
        ended = server.run(line[0], line[1:], directory, streams, attach=attach, limit=120)
        if attach:
            attach.wait()
    assert expected is None or ended.status == expected, (line, ended)
    return ended


class Case:
    """A command that is killed in a directory of its own, which `fill` makes.

    Attributes:
        line: the command line.
        may_remain: names, as a pattern, that a killed command may leave for good.
    """

    line: tuple[str, ...]
    may_remain = r"(?!)"

    def fill(self, directory: Path, server: ForkServer) -> None:
        """Make what is there before the command, in a template."""
        raise NotImplementedError

    def foreign(self) -> tuple[str, ...]:
        """Return files of other commands to be put beside those of this one."""
        return ()

    def live(self) -> tuple[str, ...]:
        """Return directories that other commands, which live, hold the locks of."""
        return ()

    def learn(self, directory: Path, ended) -> None:
        """Look at what an undisturbed run made of the directory."""
        raise NotImplementedError

    def after_kill(self, directory: Path, server: ForkServer, streams: Path) -> None:
        """Hold a killed run's directory to what was promised."""
        raise NotImplementedError

    def at_end(self, directory: Path, ended) -> None:
        """Hold the directory to what an undisturbed run left, after the command ran again."""
        raise NotImplementedError


def digests(paths) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.exists()}


def content_of(directory: Path) -> dict[str, object]:
    return {name: entry.what for name, entry in snapshot(directory).items() if entry.kind}


def write_log(file: Path, name: str) -> None:
    draw = random.Random(name)
    rows = [f"{name}u{user},{name}i{item}" for user in range(30) for item in draw.sample(range(60), 20)]
    file.write_text("user,item,timestamp\n" + "".join(f"{row},{n}\n" for n, row in enumerate(rows)))


class Prepare(Case):
    """A dataset prepared over another of its name."""

    name, files = "d", 6
    line = ("prepare", "B.csv", "--out", "Data/d", "--negatives", "5")

    def fill(self, directory, server):
        (directory / "Data").mkdir()
        for name in "AB":
            write_log(directory / f"{name}.csv", name)
        for name in "de":
            prepare = ("A.csv", "--out", f"Data/{name}", "--negatives", "5")
            run_whole(server, directory, ("prepare", *prepare))
        self.old = self._files(directory) if self.name == "d" else {}

    def foreign(self):
        return (
            "Data/.writing-foreign.part",
            "Data/.writing-e-abc/file",
            "Data/d.notes",
            "Data/.writing-d.part",
        )

    def live(self):
        return ("Data/.writing-d-live", "Data/.writing-n-live")

    def learn(self, directory, ended):
        self.new = self._files(directory)
        assert len(self.new) == self.files and self.new != self.old

    def after_kill(self, directory, server, streams):
        found = self._files(directory)
        if found in (self.old, self.new):
            if found:
                read_dataset(f"{directory}/Data/", self.name)
            return
        with contextlib.suppress(InputError):
            read_dataset(f"{directory}/Data/", self.name)
            states = {name: "new" if self.new[name] == one else "old" for name, one in sorted(found.items())}
            raise AssertionError(f"files that do not belong together are read: {states}")

    def at_end(self, directory, ended):
        assert self._files(directory) == self.new
        read_dataset(f"{directory}/Data/", self.name)

    def _files(self, directory):
        return digests(directory / f"Data/{self.name}{suffix}" for suffix in DATASET)


class PrepareNew(Prepare):
    """A dataset prepared where there was none."""

    name = "n"
    line = ("prepare", "B.csv", "--out", "Data/n", "--negatives", "5")


class PrepareInPlace(Prepare):
    """Rows appended to a dataset in its place: whatever is left of it, the command can be run again."""

    name, files = "d", 7
    line = ("prepare", "B.csv", "--ids_from", "Data/d", "--append", "--min_item_interactions", "9",
            "--out", "Data/d")  # fmt: skip

    def at_end(self, directory, ended):
        # Only the report on the rows differs where they were there already.
        for files in (found := self._files(directory), new := dict(self.new)):
            del files["d.json"]
        assert found == new
        read_dataset(f"{directory}/Data/", self.name)


class Export(Case):
    """A second version of a served model."""

    line = ("export", "--weights", "gmf.h5", "--path", "Data/", "--dataset", "v", "--to", "served")

    def fill(self, directory, server):
        (directory / "Data").mkdir()
        (directory / "v.csv").write_text(LOG)
        run_whole(server, directory, ("prepare", "v.csv", "--out", "Data/v", "--negatives", "1"))
        run_whole(server, directory, ("weights", "GMF", "3", "4", "gmf.h5", "h5"))
        run_whole(server, directory, self.line)
        self.first = self._content(directory, 1)

    def foreign(self):
        return ("served/.writing-foreign.part", "served/notes.txt", "served/.exporting-file")

    def live(self):
        return ("served/.exporting-live",)

    def learn(self, directory, ended):
        assert self._numbers(directory) == {1, 2}

    def after_kill(self, directory, server, streams):
        numbers = self._numbers(directory)
        assert numbers in ({1}, {1, 2}) and self._content(directory, 1) == self.first
        run_whole(server, directory, ("verify", *(f"served/{number}" for number in numbers)))
        self.before = numbers

    def at_end(self, directory, ended):
        numbers = self._numbers(directory)
        assert max(numbers) in (2, 3) and f"served/{max(numbers)}" in ended.out.decode()
        assert self._content(directory, 1) == self.first

    def _numbers(self, directory):
        return {int(path.name) for path in (directory / "served").iterdir() if path.name.isdigit()}

    def _content(self, directory, number):
        return content_of(directory / f"served/{number}")


class Train(Case):
    """A run that is resumed."""

    line = ("NeuMF", "--path", "Data/", "--dataset", "random", *SIZES, "--epochs", "3", "--log_csv", "log.csv",
            "--save_dir", "saved", "--checkpoint_dir", "ck", "--resume")  # fmt: skip
    # The name that was reserved before there was a checkpoint to remember it.
    may_remain = r"saved/\.random_NeuMF_.*\.claim"

    def fill(self, directory, server):
        (directory / "Data").mkdir()
        flags = [str(one) for one in write_random_files(directory / "Data")]
        name = flags[flags.index("--dataset") + 1]
        self.line = tuple(name if word == "random" else word for word in self.line)
        self.may_remain = self.may_remain.replace("random", re.escape(name))

    def foreign(self):
        return ("ck/.writing-foreign.part", "saved/.writing-foreign.part", "saved/.other_GMF_8_1.h5.claim",
                "saved/other_GMF_8_1.h5", ".writing-log.csv-abc.part")  # fmt: skip

    def learn(self, directory, ended):
        self.end = self._end(directory, ended)

    def after_kill(self, directory, server, streams):
        for file in (directory / "ck").glob("epoch-*"):
            read_checkpoint(file)
        for file in (directory / "saved").glob("[!.]*NeuMF*.h5"):
            assert weights_in(file)

    def at_end(self, directory, ended):
        end = self._end(directory, ended)
        # Killed before it removed the oldest, a run that had nothing left to do leaves it.
        assert self.end["checkpoints"].items() <= end.pop("checkpoints").items()
        for name, what in end.items():
            assert self.end[name] == what, name

    def _end(self, directory, ended):
        run = Run(ended.status, ended.out.decode().splitlines(), ended.err.decode())
        saved = directory / run.saved()
        checkpoints = sorted((directory / "ck").glob("*.checkpoint"))
        arrays = {file.name: _bytes(read_checkpoint(file).arrays) for file in checkpoints}
        files = [file.name for file in (directory / "saved").glob("[!.]*NeuMF*")]
        return {"lines": run.without_clock(), "rows": rows_without_clock(directory / "log.csv"),
                "weights": _bytes(weights_in(saved)), "checkpoints": arrays, "models": len(files)}  # fmt: skip


def _bytes(arrays):
    return {name: array.tobytes() for name, array in arrays.items()}


class Convert(Case):
    """A weight file converted over another."""

    line = ("convert", "gmf.keras", "--to", "out.h5")
    target = "out.h5"
    # Nothing tells the file of a dead command from that of one that lives.
    may_remain = r"\.writing-.*"

    def fill(self, directory, server):
        for name, format in (("gmf.h5", "h5"), ("gmf.keras", "keras")):
            run_whole(server, directory, ("weights", "GMF", "3", "4", name, format))
        for name, format in (("out.h5", "h5"), ("out.keras", "keras")):
            run_whole(server, directory, ("weights", "GMF", "9", "9", name, format))
        self.old = digests([directory / self.target])

    def foreign(self):
        return (".writing-foreign.part", ".writing-out.h5-abc.part", "others.h5")

    def learn(self, directory, ended):
        self.new = digests([directory / self.target])
        assert self.new != self.old

    def after_kill(self, directory, server, streams):
        assert digests([directory / self.target]) in (self.old, self.new)

    def at_end(self, directory, ended):
        assert digests([directory / self.target]) == self.new


class ConvertInPlace(Convert):
    """A weight file converted into itself."""

    line = ("convert", "gmf.h5", "--to", "gmf.h5", "--in_place")
    target = "gmf.h5"

    def learn(self, directory, ended):
        self.new = digests([directory / self.target])


class ConvertToArchive(Convert):
    """A weight file converted into an archive, whose bytes differ from run to run."""

    line = ("convert", "gmf.h5", "--to", "out.keras")
    target = "out.keras"

    def learn(self, directory, ended):
        self.new = digests([directory / "gmf.h5"])

    def after_kill(self, directory, server, streams):
        if digests([directory / self.target]) != self.old:
            self._require_new(directory, server)

    def at_end(self, directory, ended):
        assert digests([directory / self.target]) != self.old

    def _require_new(self, directory, server):
        run_whole(server, directory, ("convert", self.target, "--to", "check.h5"))
        assert digests([directory / "check.h5"])["check.h5"] == self.new["gmf.h5"]
        (directory / "check.h5").unlink()


class Update(Case):
    """A night: a dataset appended to, a second version published, a weight file replaced."""

    line = (
        "update", "night1.csv", "--path", "Data/", "--dataset", "d", "--weights", "served.h5", "--to", "served",
        *QUICK,
    )  # fmt: skip
    may_remain = r"Data/\.update-d(/lock|/last\.json)?"

    def fill(self, directory, server):
        write_logs(directory)
        run_whole(server, directory, ("prepare", "day.csv", "--out", "Data/d", "--negatives", "10"))
        sizes = [
            str(len((directory / f"Data/d.{side}.csv").read_text().splitlines()) - 1)
            for side in ("users", "items")
        ]
        run_whole(server, directory, ("weights", "GMF", *sizes, "served.h5", "h5"))
        run_whole(server, directory, ("update", "night0.csv", *self.line[2:]))
        self.first = self._versions(directory)

    def foreign(self):
        return ("Data/.writing-foreign.part", "Data/.update-e/plan.json", "served/notes.txt", "Data/d.notes")

    def live(self):
        return ("served/.exporting-live", "Data/.writing-d-live")

    def learn(self, directory, ended):
        assert list(self._versions(directory)) == [1, 2]
        self.new = self._files(directory)

    def after_kill(self, directory, server, streams):
        found = self._versions(directory)
        assert list(found) in ([1], [1, 2]) and found[1] == self.first[1]
        run_whole(server, directory, ("verify", *(f"served/{number}" for number in found)))
        with contextlib.suppress(InputError):
            read_dataset(f"{directory}/Data/", "d")
        assert weights_in(directory / "served.h5")

    def at_end(self, directory, ended):
        assert ended.status == 0
        assert self._files(directory) == self.new
        assert list(self._versions(directory)) == [1, 2]
        read_dataset(f"{directory}/Data/", "d")

    def _files(self, directory):
        paths = [*(directory / f"Data/d{suffix}" for suffix in DATASET), directory / "served.h5"]
        return digests(paths)

    def _versions(self, directory):
        numbers = sorted(int(path.name) for path in (directory / "served").iterdir() if path.name.isdigit())
        return {number: content_of(directory / f"served/{number}") for number in numbers}


CASES = (
    Prepare,
    PrepareNew,
    PrepareInPlace,
    Export,
    Train,
    Convert,
    Update,
    Prepare,
    ConvertInPlace,
    Train,
    Export,
    Update,
    ConvertToArchive,
)
