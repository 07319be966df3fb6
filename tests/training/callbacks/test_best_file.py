import numpy as np
import pytest

from ncf_keras.base import claims
from ncf_keras.models import build_gmf
from ncf_keras.training.callbacks import best_file
from ncf_keras.training.callbacks.best_file import BestFile
from ncf_keras.weights import load_weights
from tests.models import by_hand
from tests.training.callbacks.trainers import trainer


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch):
    monkeypatch.setattr(claims.time, "time", lambda: 1501651698.7)


@pytest.fixture
def make(tmp_path):
    trained = trainer(iterations=[0.2, 0.2])
    return lambda stem="d_GMF_3", layout="h5", **more: BestFile(trained, tmp_path, stem, layout, **more)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def table_in(path):
    model = build_gmf(4, 5, 3)
    load_weights(model, path)
    return model.get_layer("user_embedding").get_weights()[0]


@pytest.mark.parametrize(("layout", "suffix"), [("h5", ".h5"), ("keras", ".keras"), ("weights", ".weights.h5")])
def test_the_name_is_the_authors_and_the_suffix_tells_the_format(make, tmp_path, layout, suffix):
    saver = make("ml-1m_GMF_3", layout)
    assert saver.path is None and names(tmp_path) == []
    saver.on_epoch_end(1)  # epoch 0 was the best
    assert saver.path is None
    saver.on_epoch_end(0)
    assert names(tmp_path) == [saver.path.name] == [f"ml-1m_GMF_3_1501651698{suffix}"]


def test_the_model_before_training_is_saved_where_asked_for_and_once(make, tmp_path):
    make().on_train_begin()
    assert names(tmp_path) == []
    saver = make(save_initial=True)
    saver.on_train_begin()  # there are iterations: another process has begun this training
    assert names(tmp_path) == []
    saver._trainer.iterations = []
    saver.on_train_begin()
    moment = saver.path.stat().st_mtime_ns
    saver.on_train_begin()
    assert saver.path.stat().st_mtime_ns == moment


def test_a_better_model_takes_the_place_of_its_last_and_of_no_other_run(make, tmp_path):
    tables, savers = [], [make() for _ in range(3)]
    for saver in savers:
        for seed in range(2):
            weights = by_hand.randomise(saver._trainer.model, seed + len(tables))
            saver.save()
        tables.append(weights["user_embedding"][0].astype(np.float32))
    assert names(tmp_path) == [f"d_GMF_3_150165169{digit}.h5" for digit in (8, 9)] + ["d_GMF_3_1501651700.h5"]
    for table, saver in zip(tables, savers, strict=True):
        np.testing.assert_array_equal(table_in(saver.path), table)


def test_a_name_that_another_is_about_to_use_is_passed_over_and_a_failed_save_leaves_nothing(
    make, tmp_path, monkeypatch
):
    def fail(model, path, layout):
        raise OSError("disk full")

    saver = make()
    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(best_file, "save_weights", fail)
        saver.save()
    assert names(tmp_path) == [] and saver.path is None
    (tmp_path / ".d_GMF_3_1501651698.h5.claim").touch()
    saver = make()
    saver.save()
    assert saver.path.name == "d_GMF_3_1501651699.h5"


def test_a_reserved_name_is_kept_from_others_until_it_is_released(make, tmp_path):
    saver, other = (make("d_GMF_[4.5]", "weights") for _ in range(2))
    assert saver.state() == {"moment": None, "saved": False, "owner": ""}
    saver.reserve()
    assert saver.path is None and saver.state() == {"moment": 1501651698, "saved": False, "owner": ""}
    other.save()
    assert other.path.name == "d_GMF_[4.5]_1501651699.weights.h5"
    saver.save()
    assert saver.path.name == "d_GMF_[4.5]_1501651698.weights.h5" and saver.state()["saved"]
    saver.release()
    assert names(tmp_path) == sorted([saver.path.name, other.path.name])
    other.release()  # never reserved: nothing to do


def test_a_copy_of_the_run_leaves_its_file_alone(make, tmp_path):
    first = make(owner="1:1")
    first.reserve()
    first.save()
    first.release()
    state, before = first.state(), first.path.read_bytes()
    copy, again = make(owner="2:2"), make(owner="1:1")
    copy.restore(state)
    assert copy.left_alone == first.path and copy.path is None
    copy.save()
    assert copy.path.name == "d_GMF_3_1501651699.h5" and first.path.read_bytes() == before
    again.restore(state)
    assert again.path == first.path and again.left_alone is None
    older = make(owner="3:3")  # of before there were owners
    older.restore({key: value for key, value in state.items() if key != "owner"})
    assert older.path == first.path


def test_a_later_process_takes_the_name_and_removes_what_the_first_left(make, tmp_path):
    first = make()
    first.reserve()
    (tmp_path / ".writing-d_GMF_3_1501651698.h5-abc.h5").touch()
    (tmp_path / ".writing-d_GMF_3_1501651699.h5-abc.h5").touch()
    second = make()
    second.restore(first.state())
    assert second.path is None
    second.save()
    third = make()
    third.restore(second.state())
    assert third.path == second.path == tmp_path / "d_GMF_3_1501651698.h5"
    third.release()
    assert names(tmp_path) == [".writing-d_GMF_3_1501651699.h5-abc.h5", "d_GMF_3_1501651698.h5"]


@pytest.mark.parametrize(("moment", "saved"), [(None, False), ("/etc/passwd", True), (1, 1), (True, True)])
def test_a_state_of_something_else_is_refused(make, moment, saved):
    with pytest.raises(TypeError):
        make().restore({"moment": moment, "saved": saved})
