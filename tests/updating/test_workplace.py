"""An update stopped between any two of its steps: the next one ends as if it had not been."""

import json
import shutil

import pytest

from ncf_keras.cli.prepare import main as prepare
from ncf_keras.cli.update import main
from ncf_keras.data import read_dataset
from ncf_keras.serving.publishing import versions
from ncf_keras.updating import workplace
from tests.hostile.kill_cases import digests
from tests.updating.nights import begin, quick_exports, words

# What an update does, in this order; each may be the last that it does, or be left undone.
STEPS = ("copy_together", "export_model", "copyfile", "remove_version", "unlink")
# Nothing is trained: what is put in place is all that counts here.
FLAGS = ("--epochs", "0", "--keep", "1", "--tolerance", "1")


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module", autouse=True)
def _quick_exports(shared_folds):
    with quick_exports():
        yield


@pytest.fixture(scope="module")
def first_night(tmp_path_factory):
    directory = tmp_path_factory.mktemp("night")
    begin(directory)
    assert main(words(directory, *FLAGS)) == 0
    return directory


@pytest.fixture(scope="module")
def undisturbed(first_night, tmp_path_factory):
    directory = shutil.copytree(first_night, tmp_path_factory.mktemp("whole") / "d")
    assert main(words(directory, *FLAGS, log="night1.csv")) == 0
    return left_in(directory)


def left_in(directory):
    data = [*(directory / "Data").glob("d.*"), directory / "served.h5"]
    return digests(data), list(versions(directory / "served"))


def kill_at(monkeypatch, step, after):
    """Let the process end at a step of the workplace, before or after it."""
    home = {"copyfile": workplace.shutil, "unlink": workplace.Path}.get(step, workplace)
    real = getattr(home, step)

    def killed(*arguments, **options):
        names = [str(one) for one in arguments]
        mine = step not in ("copyfile", "unlink") or any("weights" in n or "plan.json" in n for n in names)
        if not mine or (step == "copyfile" and "plan.json" in names[0]):
            return real(*arguments, **options)
        if after:
            real(*arguments, **options)
        raise Killed

    monkeypatch.setattr(home, step, killed)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_the_next_one_completes_what_was_stopped(first_night, undisturbed, tmp_path, step, after, monkeypatch):
    directory = shutil.copytree(first_night, tmp_path / "d")
    with monkeypatch.context() as patch:
        kill_at(patch, step, after)
        with pytest.raises(Killed):
            main(words(directory, *FLAGS, log="night1.csv"))
    assert main(words(directory, *FLAGS, log="night1.csv")) == 0
    assert left_in(directory) == undisturbed
    assert sorted(path.name for path in (directory / "Data/.update-d").iterdir()) == ["last.json", "lock"]


@pytest.mark.parametrize(
    "step", ["ncf_keras.weights.save_weights", "ncf_keras.data.dataset_writing.write_prepared"]
)
def test_stopped_before_its_plan_it_has_changed_nothing(first_night, undisturbed, tmp_path, step, monkeypatch):
    directory = shutil.copytree(first_night, tmp_path / "d")
    before = left_in(directory)

    def killed(*arguments, **options):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(step, killed)
        with pytest.raises(Killed):
            main(words(directory, *FLAGS, log="night1.csv"))
    assert left_in(directory) == before
    assert main(words(directory, *FLAGS, log="night1.csv")) == 0
    assert left_in(directory) == undisturbed


def test_an_update_that_was_stopped_is_completed_before_another_nights(
    first_night, undisturbed, tmp_path, monkeypatch
):
    directory = shutil.copytree(first_night, tmp_path / "d")
    with monkeypatch.context() as patch:
        kill_at(patch, "copy_together", after=True)
        with pytest.raises(Killed):
            main(words(directory, *FLAGS, log="night1.csv"))
    assert main(words(directory, *FLAGS, "--keep", "5", log="night2.csv")) == 0
    assert list(versions(directory / "served")) == [2, 3]
    rows = (directory / "night1.csv").read_text().splitlines()[1:]
    dataset = read_dataset(f"{directory}/Data/", "d")
    assert {row.split(",")[0] for row in rows} <= set(dataset.user_ids)


def test_another_target_must_wait_for_one_that_was_stopped(first_night, tmp_path, monkeypatch, capsys):
    directory = shutil.copytree(first_night, tmp_path / "d")
    with monkeypatch.context() as patch:
        kill_at(patch, "export_model", after=False)
        with pytest.raises(Killed):
            main(words(directory, *FLAGS, log="night1.csv"))
    assert main(words(directory, *FLAGS, "--to", f"{directory}/elsewhere", log="night1.csv")) == 2
    assert "until the update that was stopped is complete" in capsys.readouterr().err
    assert not versions(directory / "elsewhere")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"identity": 1}', "\0" * 100, '{"report":' * 10_000])
def test_a_damaged_plan_is_a_sentence(first_night, tmp_path, content, capsys):
    directory = shutil.copytree(first_night, tmp_path / "d")
    (directory / "Data/.update-d/plan.json").write_text(content)
    assert main(words(directory, *FLAGS, log="night1.csv")) == 2
    assert "plan.json must be as an update wrote it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value"), [("keep", "3"), ("keep", None), ("report", 5), ("publish", 1), ("follows", None)]
)
def test_a_plan_of_other_values_is_a_sentence(first_night, tmp_path, key, value, monkeypatch, capsys):
    directory = stopped(first_night, tmp_path, monkeypatch)
    plan = directory / "Data/.update-d/plan.json"
    plan.write_text(json.dumps(json.loads(plan.read_text()) | {key: value}))
    assert main(words(directory, *FLAGS, log="night1.csv")) == 2
    assert "plan.json must be as an update wrote it" in capsys.readouterr().err


def stopped(first_night, tmp_path, monkeypatch):
    """Return a directory whose second night was stopped when its plan was there and nothing in place."""
    directory = shutil.copytree(first_night, tmp_path / "d")
    with monkeypatch.context() as patch:
        kill_at(patch, "copy_together", after=False)
        with pytest.raises(Killed):
            main(words(directory, *FLAGS, log="night1.csv"))
    return directory


def forget(directory, user):
    (directory / "forget.txt").write_text(f"{user}\n")
    in_place = ["--ids_from", f"{directory}/Data/d", "--append", "--out", f"{directory}/Data/d"]
    assert prepare([*in_place, "--forget", f"{directory}/forget.txt"]) == 0


def test_who_was_forgotten_after_an_update_was_stopped_stays_so(first_night, tmp_path, monkeypatch, capsys):
    directory = stopped(first_night, tmp_path, monkeypatch)
    forget(directory, "u3")
    before = left_in(directory)
    assert main(words(directory, *FLAGS, log="night1.csv")) == 2
    assert "(to give that one up, remove" in capsys.readouterr().err
    assert left_in(directory) == before
    (directory / "Data/.update-d/plan.json").unlink()
    assert main(words(directory, *FLAGS, log="night1.csv")) == 0
    dataset = read_dataset(f"{directory}/Data/", "d")
    assert not dataset.active_users[dataset.user_ids.index("u3")]


def test_a_dataset_that_changes_during_an_update_is_not_replaced(first_night, tmp_path, monkeypatch, capsys):
    directory = shutil.copytree(first_night, tmp_path / "d")
    real = workplace.Workplace.put_in_place

    def meanwhile(*arguments):
        forget(directory, "u3")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(workplace.Workplace, "put_in_place", meanwhile)
        assert main(words(directory, *FLAGS, log="night1.csv")) == 2
    assert "run this one again" in capsys.readouterr().err
    assert sorted(path.name for path in (directory / "Data/.update-d").iterdir()) == ["last.json", "lock"]
    assert main(words(directory, *FLAGS, log="night1.csv")) == 0
    dataset = read_dataset(f"{directory}/Data/", "d")
    assert not dataset.active_users[dataset.user_ids.index("u3")]


def test_the_same_update_of_a_dataset_from_a_backup_is_the_newest_version_again(first_night, tmp_path):
    directory = shutil.copytree(first_night, tmp_path / "d")
    flags = (*FLAGS, "--keep", "9")
    assert main(words(directory, *flags, log="night1.csv")) == 0
    assert main(words(directory, *flags, log="night2.csv")) == 0
    shutil.rmtree(directory / "Data")
    shutil.copytree(first_night / "Data", directory / "Data")
    shutil.copy(first_night / "served.h5", directory)
    assert main(words(directory, *flags, "--json", f"{directory}/r.json", log="night1.csv")) == 0
    assert json.loads((directory / "r.json").read_text())["exported"] == f"{directory}/served/4"


def test_what_was_done_for_another_model_or_is_not_there_any_more_is_done(first_night, tmp_path):
    directory = shutil.copytree(first_night, tmp_path / "d")
    assert main(words(directory, *FLAGS, "--to", f"{directory}/other")) == 0
    assert list(versions(directory / "other")) == [1]
    shutil.rmtree(directory / "other")
    assert main(words(directory, *FLAGS, "--to", f"{directory}/other")) == 0
    assert list(versions(directory / "other")) == [1]


def test_a_path_may_be_the_beginning_of_the_files_names(first_night, tmp_path):
    directory = shutil.copytree(first_night, tmp_path / "d")
    flags = (*FLAGS, "--path", f"{directory}/", "--dataset", "Data/d")
    assert main(words(directory, *flags, log="night1.csv")) == 0
    for file in (directory / "Data").glob("d.*"):
        file.rename(file.with_name(f"my-{file.name}"))
    flags = (*FLAGS, "--path", f"{directory}/Data/my-")
    assert main(words(directory, *flags, log="night2.csv")) == 0
    assert list(versions(directory / "served"))[-1] == 3
    assert read_dataset(f"{directory}/Data/", "my-d").name == "my-d"


@pytest.mark.parametrize(
    ("flag", "place"),
    [("--to", "Data"), ("--to", "Data/.update-d/to"), ("--weights", "Data/.update-d/served.h5")],
)
def test_what_an_update_would_be_in_the_way_of_is_refused(first_night, tmp_path, flag, place, capsys):
    directory = shutil.copytree(first_night, tmp_path / "d")
    path = directory / place
    if flag == "--weights":
        shutil.copy(directory / "served.h5", path)
    before = left_in(directory)
    assert main(words(directory, *FLAGS, flag, str(path), log="night1.csv")) == 2
    assert f"`{flag}` must " in capsys.readouterr().err
    assert left_in(directory) == before
    assert not (directory / "Data/.update-d/plan.json").exists()
