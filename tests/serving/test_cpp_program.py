"""`serving_loader.cc`, compiled against the wheel: exports answer without Python, fast, and many threads."""

import importlib
import shutil
import time
import timeit
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ncf_keras.data import Dataset
from ncf_keras.models import build_neumf
from ncf_keras.serving.export import export_model
from tests.serving.small_exports import USERS, ranked
from tests.shared_files import PROJECT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ to compile serving_loader.cc"),
]
ML_1M = (6040, 3706, 165)


@pytest.fixture(scope="module")
def loader():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROJECT / "run" / "benchmarks")
        return importlib.import_module("_serving_loader")


@pytest.fixture(scope="module")
def program(loader, tmp_path_factory):
    return loader.compile_loader(tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def large():
    """NeuMF-8 of ML-1M's size with random weights, and as many interactions."""
    users, items, each = ML_1M
    generator = np.random.default_rng(3)
    model = build_neumf(users, items, mf_dim=8, layers=(64, 32, 16, 8), reg_layers=(0, 0, 0, 0), seed=1)
    model.set_weights([generator.normal(0, 0.3, weights.shape) for weights in model.get_weights()])
    pairs = np.repeat(np.arange(users), each), generator.integers(0, items, users * each)
    one = np.array([0])
    return model, Dataset.from_pairs(*pairs, one, one, one[:, None], num_users=users, num_items=items)


@pytest.fixture(scope="module")
def large_export(large, tmp_path_factory):
    return export_model(*large, tmp_path_factory.mktemp("large") / "ncf")


def test_it_answers_as_predict_and_sorting(loader, program, exported, dataset, neumf_scores):
    answer = loader.answer(program, exported, "recommend", USERS, 9)
    for user in range(USERS):
        seen = dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]]
        items, scores = ranked(neumf_scores[user], set(seen.tolist()), 9)
        row = slice(9 * user, 9 * user + 9)
        assert list(map(int, answer["items"][row])) == items
        np.testing.assert_allclose(list(map(float, answer["scores"][row])), scores, rtol=0, atol=1e-6)
    score = loader.answer(program, exported, "serving_default", USERS, -1)["prediction"]
    diagonal = neumf_scores[np.arange(USERS), np.arange(USERS)]
    np.testing.assert_allclose(list(map(float, score)), diagonal, rtol=0, atol=1e-6)


def test_one_user_takes_under_a_millisecond_and_a_batch_is_20_times_as_fast_as_predict(
    loader, program, large, large_export, capsys
):
    one = loader.measure(program, large_export, "recommend_default")
    batch = loader.measure(program, large_export, "recommend_default", 256)
    predict = predict_seconds(large[0])
    with capsys.disabled():
        print(f"\none user: {one}\n256 users: {batch}\nmodel.predict, one user: {predict * 1e6:.0f} us")
    assert one["errors"] == batch["errors"] == 0
    assert one["median_us"] < 1000
    assert batch["median_us"] / 256 < predict * 1e6 / 20


def predict_seconds(model):
    """Return the median seconds of plain `model.predict` of one user and all items, in one batch."""
    items = np.arange(ML_1M[1], dtype=np.int32)[:, None]

    def predict():
        model.predict([np.zeros_like(items), items], batch_size=len(items), verbose=0)

    return float(np.median(timeit.repeat(predict, number=1, repeat=10)))


def test_eight_threads_for_a_minute(loader, program, large_export, capsys):
    found = loader.measure(program, large_export, "recommend_default", clients=8, seconds=60, threads=0)
    with capsys.disabled():
        print(f"\n8 threads for 60 s: {found}")
    assert found["errors"] == 0
    assert found["calls"] > 1000
    assert found["late_kib"] < found["early_kib"] * 1.05 + 10_000


def test_threads_do_not_mix_up_answers(loaded):
    expected = loaded.run("recommend", user_input=list(range(USERS)), k=8)
    wrong, end = [], time.monotonic() + 10

    def ask(user):
        while time.monotonic() < end and not wrong:
            answer = loaded.run("recommend", user_input=[user], k=8)
            if not np.array_equal(answer["items"][0], expected["items"][user]):
                wrong.append(user)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert wrong == []
