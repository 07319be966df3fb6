"""How each library trains on arrays of interactions and scores pairs, in a process and a Python of its own.

`libraries.py` starts it as `python _libraries.py FOLDER`, where FOLDER has `job.json` and `arrays.npz`; it
writes `scores.npy` there and prints what it took as JSON. No module of this project is imported but for its
own row, so that any Python with NumPy and the library will do.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ncf_keras.data import Dataset

# What a pair scores whose user or item the library has not seen in training.
UNSEEN = -1e9


@dataclass(frozen=True)
class Interactions:
    """What is learnt from: users and items, int32 of shape (interactions,), sorted by user."""

    users: np.ndarray
    items: np.ndarray
    num_users: int
    num_items: int


# `train()` trains and returns the share of the epochs that it did; `score(users, items)` then scores pairs.
Prepared = tuple[Callable[[], float], Callable[[np.ndarray, np.ndarray], np.ndarray]]


def prepare_ncf_keras(log: Interactions, settings: dict, folder: Path) -> Prepared:
    """NeuMF of this project, by epochs as in the paper or by the tuned preset; `seconds`: as with RecBole."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if settings.get("batch_size", 256) <= 512:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # as the training commands have it
    from ncf_keras.data import Dataset
    from ncf_keras.models import ModelSpec, model_scores
    from ncf_keras.training import Trainer, TrainingSpec
    from ncf_keras.training.callbacks.share_done import ShareDone

    nobody = np.zeros(0, np.int32)
    dataset = Dataset.from_pairs(
        log.users,
        log.items,
        nobody,
        nobody,
        np.zeros((0, 1), np.int32),
        num_users=log.num_users,
        num_items=log.num_items,
    )
    if settings.get("baseline"):
        return _dot_product(dataset)
    if settings.get("tuned"):
        return _tuned_neumf(dataset)
    model = ModelSpec("NeuMF", log.num_users, log.num_items).build(seed=1)
    spec = TrainingSpec(epochs=settings["epochs"], batch_size=settings["batch_size"], select="none", seed=1)
    trainer = Trainer(model, dataset, spec)
    share = 0.0

    def train() -> float:
        until = time.perf_counter() + settings.get("seconds", float("inf"))

        def look_at_the_clock(done: float) -> None:
            nonlocal share
            share = done
            if time.perf_counter() > until:
                raise TimeoutError

        with contextlib.suppress(TimeoutError):
            trainer.fit([ShareDone(trainer, look_at_the_clock)])
        return share

    return train, lambda users, items: model_scores(model)(users, items)


def _tuned_neumf(dataset: "Dataset") -> Prepared:
    from ncf_keras.models import model_scores
    from ncf_keras.training.tuned import build_tuned_neumf

    models = []

    def train() -> float:
        models.append(build_tuned_neumf(dataset, seed=1))
        return 1.0

    return train, lambda users, items: model_scores(models[0])(users, items)


def _dot_product(dataset: "Dataset") -> Prepared:
    from ncf_keras.baselines import DotProduct

    model = DotProduct(seed=1)

    def train() -> float:
        model.fit(dataset)
        return 1.0

    return train, lambda users, items: model.score(users, items)


def prepare_implicit(log: Interactions, settings: dict, folder: Path) -> Prepared:
    """ALS of implicit."""
    import scipy.sparse
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    matrix = scipy.sparse.csr_matrix(
        (np.ones(len(log.users), np.float32), (log.users, log.items)), (log.num_users, log.num_items)
    )
    threadpool_limits(1, "blas")  # the library asks for it
    model = AlternatingLeastSquares(use_gpu=False, random_state=1, **settings)

    def train() -> float:
        model.fit(matrix, show_progress=False)
        return 1.0

    def score(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return np.einsum("pk,pk->p", model.user_factors[users], model.item_factors[items])

    return train, score


def prepare_lightfm(log: Interactions, settings: dict, folder: Path) -> Prepared:
    """LightFM with the WARP loss and no features."""
    import scipy.sparse
    from lightfm import LightFM

    ones = np.ones(len(log.users), np.float32)
    matrix = scipy.sparse.coo_matrix((ones, (log.users, log.items)), (log.num_users, log.num_items))
    model = LightFM(loss="warp", no_components=settings["no_components"], random_state=1)

    def train() -> float:
        model.fit(matrix, epochs=settings["epochs"], num_threads=os.cpu_count())
        return 1.0

    return train, lambda users, items: model.predict(users, items, num_threads=os.cpu_count())


def prepare_recbole(log: Interactions, settings: dict, folder: Path) -> Prepared:
    """NeuMF of RecBole; with `seconds` only so much of the first epoch."""
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.data.interaction import Interaction
    from recbole.model.general_recommender import NeuMF
    from recbole.trainer import Trainer

    os.chdir(folder)  # it writes curves for TensorBoard where it is started
    settings = dict(settings)
    seconds = settings.pop("seconds", float("inf"))
    _write_columns(folder / "log" / "log.inter", log, "\t", "user_id:token\titem_id:token")
    everything = {"split": {"RS": [1, 0, 0]}, "order": "RO", "group_by": None, "mode": "full"}
    config = Config(
        "NeuMF",
        "log",
        config_dict={
            "data_path": str(folder),
            "checkpoint_dir": str(folder),
            "eval_args": everything,
            "use_gpu": False,
            **settings,
        },
    )
    dataset = create_dataset(config)
    loader, _, _ = data_preparation(config, dataset)
    positives, per_positive = len(log.users), 1 + config["train_neg_sample_args"]["sample_num"]

    class Limited(NeuMF):
        examples, until = 0, float("inf")

        def calculate_loss(self, interaction: Interaction) -> torch.Tensor:
            if time.perf_counter() > self.until:
                raise TimeoutError
            self.examples += len(interaction)
            return super().calculate_loss(interaction)

    model = Limited(config, loader.dataset)

    def train() -> float:
        model.until = time.perf_counter() + seconds
        try:
            Trainer(config, model).fit(loader, saved=False, show_progress=False)
        except TimeoutError:
            return model.examples / (positives * per_positive * config["epochs"])
        return 1.0

    def score(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        tables = [dataset.field2token_id[field] for field in ("user_id", "item_id")]
        ids = [
            torch.tensor([table.get(str(each), 0) for each in side])
            for table, side in zip(tables, (users, items), strict=True)
        ]
        model.eval()
        with torch.no_grad():
            scores = model.predict(Interaction({"user_id": ids[0], "item_id": ids[1]})).numpy()
        return np.where((ids[0] == 0) | (ids[1] == 0), UNSEEN, scores)

    return train, score


def prepare_recommenders(log: Interactions, settings: dict, folder: Path) -> Prepared:
    """NCF of Microsoft's recommenders."""
    from recommenders.models.ncf.dataset import Dataset
    from recommenders.models.ncf.ncf_singlenode import NCF

    file = folder / "log" / "train.csv"
    _write_columns(file, log, ",", "userID,itemID,rating", "1.0")
    data = Dataset(train_file=str(file), seed=1)
    model = NCF(n_users=data.n_users, n_items=data.n_items, seed=1, verbose=0, **settings)

    def train() -> float:
        model.fit(data)
        return 1.0

    def score(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        pairs = zip(users.tolist(), items.tolist(), strict=True)
        known = np.array([user in data.user2id and item in data.item2id for user, item in pairs])
        scores = np.full(len(users), UNSEEN)
        scores[known] = model.predict(users[known].tolist(), items[known].tolist(), is_list=True)
        return scores

    return train, score


def prepare_tensorflow_recommenders(log: Interactions, settings: dict, folder: Path) -> Prepared:
    """Two towers of an embedding each, trained by the retrieval task of TensorFlow Recommenders."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # it is made for Keras 2
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    tf.random.set_seed(1)

    class TwoTowers(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.users = tf.keras.layers.Embedding(log.num_users, settings["dimension"])
            self.items = tf.keras.layers.Embedding(log.num_items, settings["dimension"])
            self.task = tfrs.tasks.Retrieval()

        def compute_loss(self, features: dict, training: bool = False) -> tf.Tensor:
            return self.task(self.users(features["user"]), self.items(features["item"]))

    batches = tf.data.Dataset.from_tensor_slices({"user": log.users, "item": log.items})
    batches = batches.shuffle(len(log.users), seed=1).batch(settings["batch_size"]).cache()
    model = TwoTowers()
    model.compile(optimizer=tf.keras.optimizers.Adagrad(settings["learning_rate"]))

    def train() -> float:
        model.fit(batches, epochs=settings["epochs"], verbose=0)
        return 1.0

    def score(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        tables = model.users.get_weights()[0], model.items.get_weights()[0]
        return np.einsum("pk,pk->p", tables[0][users], tables[1][items])

    return train, score


# By what `pip` calls each.
LIBRARIES = {
    "ncf-keras": prepare_ncf_keras,
    "implicit": prepare_implicit,
    "lightfm": prepare_lightfm,
    "recbole": prepare_recbole,
    "recommenders": prepare_recommenders,
    "tensorflow-recommenders": prepare_tensorflow_recommenders,
}


def work(folder: Path) -> dict:
    """Train and score what stands in the folder; return what it took, or `missing` if there is no library."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with np.load(folder / "arrays.npz") as arrays:
        log = Interactions(arrays["users"], arrays["items"], int(arrays["num_users"]), int(arrays["num_items"]))
        pairs = arrays["pair_users"], arrays["pair_items"]
    started = time.perf_counter()
    try:
        train, score = LIBRARIES[job["library"]](log, job["settings"], folder)
    except ImportError as error:
        return {"missing": str(error)}
    prepared = time.perf_counter()
    share = train()
    trained = time.perf_counter()
    peak = _peak_mb()  # of training: scoring is the benchmark's own affair
    np.save(folder / "scores.npy", np.asarray(score(*pairs), np.float32))
    return {
        "version": _version(job["library"]),
        "python": platform.python_version(),
        "import_and_prepare_seconds": prepared - started,
        "train_seconds": trained - prepared,
        "share": share,
        "peak_mb": peak,
    }


def _write_columns(file: Path, log: Interactions, separator: str, header: str, *more: str) -> None:
    """Write the interactions as text, as the libraries that read files want them."""
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding="utf-8") as text:
        text.write(header + "\n")
        for user, item in zip(log.users.tolist(), log.items.tolist(), strict=True):
            text.write(separator.join((str(user), str(item), *more)) + "\n")


def _peak_mb() -> int:
    """Return the most memory that this process has had, in MB of 10^6 bytes.

    Not `ru_maxrss` on Linux: it begins with that of the process which started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 // 10**6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 10**6


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    print("\n" + json.dumps(work(Path(sys.argv[1]).resolve())))
