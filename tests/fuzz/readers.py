"""Every reader of something a user or a stranger hands over, with whole inputs to start from."""

import argparse
import bz2
import functools
import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from explicit_ratings.ratings import read_ratings
from reproduction import figures, tables
from reproduction.results import Book, read_result
from reproduction.runs import quick_grid

from ncf_keras.baselines import EASE, DotProduct, ItemPop, load_baseline
from ncf_keras.cli.flags import training_parser
from ncf_keras.cli.training_options import check_pretraining, model_options, training_spec
from ncf_keras.data import Dataset, read_dataset
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.earlier import read_earlier
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_tables import FeatureTable, read_feature_table
from ncf_keras.data.id_files import read_ids
from ncf_keras.data.logs.log import Log
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.prepared_features import SaidOfFeatures, with_features
from ncf_keras.data.tidy_log import tidy_log
from ncf_keras.data.titles import read_titles
from ncf_keras.data.train_parquet import read_train_parquet
from ncf_keras.training.callbacks.best_weights import BestWeights
from ncf_keras.training.callbacks.checkpoints import Checkpoints
from ncf_keras.training.checkpoints import CheckpointDirectory, read_checkpoint, require_format
from ncf_keras.weights import read_weight_file
from tests.data.written_logs import zstd
from tests.reproduction.small_results import put
from tests.small_data import NEGATIVES, TEST, TRAIN, write_files
from tests.training.callbacks.trainers import trainer
from tests.weights.small_models import WRITERS, small_model, written

DIGEST = hashlib.sha256().digest_size
LOG = "user,item,rating,timestamp\n007,x y,5,100\nalice,2,3.5,99\n007,2,1,101\n"


@dataclass(frozen=True)
class Reader:
    """One reader; `wholes` makes inputs that it takes, in an empty directory, `read` checks what it returns."""

    wholes: Callable[[Path], Sequence[bytes]]
    read: Callable[[bytes, Path], None]


def _of_file(wholes: Callable[[Path], Sequence[bytes]], name: str, check: Callable[[Path], None]) -> Reader:
    """Return the reader whose inputs are written to the file `name`, which `check` then reads."""

    def read(content: bytes, directory: Path) -> None:
        file = directory / name
        file.write_bytes(content)
        check(file)

    return Reader(wholes, read)


def _dataset_part(part: str) -> Reader:
    text = {"train": TRAIN, "test": TEST, "negatives": NEGATIVES}[part]

    def read(content: bytes, directory: Path) -> None:
        paths = write_files(directory)
        paths[part].write_bytes(content)
        found = read_dataset(f"{directory}/", "small")
        assert isinstance(found, Dataset) and found.num_train > 0
        assert found.train_items.max() < found.num_items and len(found.train_offsets) == found.num_users + 1

    return Reader(lambda directory: [text.encode(), text.replace("\n", "\r\n").encode()], read)


def _ids_of_dataset() -> Reader:
    def check(file: Path) -> None:
        ids, titles, states, _ = read_ids(file, "user_id", 2)
        assert states is None or len(states) == len(ids)
        found = ids or titles
        assert len(found) == 2 or (states is not None and len(found) > 2)
        assert all(isinstance(text, str) for text in [*(ids or []), *(titles or [])])

    wholes = [b'index,user_id\n0,"a"\n1,"b c"\n', b'index,user_id,title\n0,"a","A"\n1,"b","B"\n']
    wholes.append(b'index,user_id,state\n0,"a",""\n1,"b","inactive"\n')
    return _of_file(lambda directory: wholes, "small.users.csv", check)


def _part_of_earlier(suffix: str) -> Reader:
    """What is read of a dataset that is gone on from can be gone on from."""
    columns = {
        "user": pd.Series(list("aabbcddee")),
        "item": pd.Series(list("xyyzwxzzx")),
        "timestamp": pd.Series(range(9)),
    }
    rows = tidy_log(columns, str)

    def wholes(place: Path) -> list[bytes]:
        directory = place / "data"
        directory.mkdir()
        options = PrepareOptions(negatives=1, min_item_interactions=2)
        write_prepared(directory / "small", prepare(rows, PrepareOptions(negatives=1)), {})
        first = read_earlier(directory, "small")
        more = {"user": pd.Series(list("cc")), "item": pd.Series(list("xy")), "timestamp": pd.Series([10, 11])}
        prepared = prepare(tidy_log(more, str), options, first, append=True, forget=["b"])
        write_prepared(directory / "small", prepared, {})
        (place / "report").write_bytes((directory / "small.json").read_bytes())
        return [(directory / f"small{suffix}").read_bytes()]

    def read(content: bytes, place: Path) -> None:
        report = json.loads((place / "report").read_bytes())
        # As if what is read had come through whole.
        report["files"][suffix] = hashlib.sha256(content).hexdigest()
        (place / "data" / "small.json").write_text(json.dumps(report))
        (place / "data" / f"small{suffix}").write_bytes(content)
        earlier = read_earlier(place / "data", "small")
        assert len(set(earlier.user_ids)) == len(earlier.user_ids) == len(earlier.user_states)
        assert earlier.frame["item"].max() < len(earlier.item_ids) == len(earlier.item_states)
        again = prepare(None, earlier.options, earlier, append=True)
        assert list(again.user_ids[: len(earlier.user_ids)]) == list(earlier.user_ids)

    return Reader(wholes, read)


def _part_of_time_split(suffix: str) -> Reader:
    """What is read of a split in time is in range, and leaves something to train on."""
    columns = {
        "user": pd.Series(list("abcabebdac")),
        "item": pd.Series(list("xyzyzyxxwx")),
        "timestamp": pd.Series([1, 2, 3, 4, 5, 5, 6, 7, 8, 9]),
    }
    options = PrepareOptions(negatives=1, split="time", at=7, validation_at=4)

    def wholes(place: Path) -> list[bytes]:
        (place / "data").mkdir()
        write_prepared(place / "data/small", prepare(tidy_log(columns, str), options), {})
        (place / "report").write_bytes((place / "data/small.json").read_bytes())
        return [(place / f"data/small{suffix}").read_bytes()]

    def read(content: bytes, place: Path) -> None:
        report = json.loads((place / "report").read_bytes())
        # As if what is read had come through whole.
        report["files"][suffix] = hashlib.sha256(content).hexdigest()
        (place / "data/small.json").write_text(json.dumps(report))
        (place / f"data/small{suffix}").write_bytes(content)
        dataset = read_dataset(f"{place}/data/", "small")
        if dataset.cold_users is not None:
            assert len(dataset.cold_users) == len(dataset.cold_items)
            assert 0 <= dataset.cold_items.min() <= dataset.cold_items.max() < dataset.num_items
        marks = dataset.train_is_validation
        assert marks is None or (len(marks) == dataset.num_train and 0 < marks.sum() < len(marks))
        assert len(read_earlier(place / "data", "small").frame) >= dataset.num_train + dataset.num_test

    return Reader(wholes, read)


def _part_of_features(suffix: str) -> Reader:
    """Features that are read have a row each, and codes that their tables have."""
    columns = {
        "user": pd.Series(list("abab")),
        "item": pd.Series(list("xyyz")),
        "timestamp": pd.Series(range(4)),
    }
    kinds = {"price": "number", "since": "date", "name": "text"}
    table = FeatureTable("items", list("xyz"), {
        "kind": ["a|b", "", "c"], "price": ["1", "2.5", ""], "since": ["01-Jan-1995", "", "02-Mar-1996"],
        "name": ["one two", "three", ""],
    })  # fmt: skip

    def wholes(place: Path) -> list[bytes]:
        (place / "data").mkdir()
        prepared = prepare(tidy_log(columns, str), PrepareOptions(negatives=1))
        prepared, _ = with_features(prepared, SaidOfFeatures(items=[table], kinds=kinds))
        write_prepared(place / "data/small", prepared, {})
        (place / "data/small.json").unlink()
        return [(place / f"data/small{suffix}").read_bytes()]

    def read(content: bytes, place: Path) -> None:
        (place / f"data/small{suffix}").write_bytes(content)
        features = read_dataset(f"{place}/data/", "small").item_features
        if features is not None:
            found = features.matrix()
            assert found.shape == (3, features.num_features)
            assert (features.encode(features.cells()) != found).nnz == 0
            assert all(Encoding.from_json(one.encoding.to_json()) == one.encoding for one in features.values())

    return Reader(wholes, read)


def _feature_table() -> Reader:
    def check(file: Path) -> None:
        table = read_feature_table(file)
        assert len(set(table.ids)) == len(table.ids)
        assert all(len(column) == len(table.ids) for column in table.cells.values())

    text = b'item_id,kind,"made, in"\n1,x|y,1999\n2,"a ""b""",\n'
    return _of_file(lambda directory: [text, b"id::a::b\n1::x::y|z\n"], "table.csv", check)


def _logs(directory: Path) -> list[bytes]:
    texts = [LOG, LOG.replace(",", "::").split("\n", 1)[1], LOG.replace(",", "\t")]
    packed = [pack(LOG.encode()) for pack in (gzip.compress, bz2.compress, zstd)]
    return [*(text.encode() for text in texts), *packed, LOG.encode("utf-16")]


def _json_logs(directory: Path) -> list[bytes]:
    names, *rows = [line.split(",") for line in LOG.splitlines()]
    records = [
        {**dict(zip(names, row, strict=True)), "rating": float(row[2]), "who": {"a": [1]}} for row in rows
    ]
    lines = "\n".join(map(json.dumps, records)).encode()
    return [lines, json.dumps(records, indent=1).encode(), gzip.compress(lines)]


def _parquet(file: Path, **columns: object) -> list[bytes]:
    """Return a table as Parquet, packed and not."""
    pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    write, contents = pytest.importorskip("pyarrow.parquet").write_table, []
    for compression in ("snappy", "none"):
        write(pa.table(columns), file, compression=compression, row_group_size=2)
        contents.append(file.read_bytes())
    return contents


def _parquet_logs(directory: Path) -> list[bytes]:
    columns = {"user": ["007", "alice"], "item": [1, 2], "rating": [1.0, 2.0], "timestamp": [5, 6]}
    return _parquet(directory / "log.parquet", **columns)[:1]


def _train_parquets(directory: Path) -> list[bytes]:
    columns = {"user": np.array([0, 1, 1], np.int32), "item": np.array([1, 0, 2])}
    return _parquet(directory / "train.parquet", **columns)


def _check_log(file: Path) -> None:
    log = Log.of(file).read()
    assert len(log.frame) and log.frame["user"].max() < len(log.user_ids)


def _check_ratings(file: Path) -> None:
    ratings = read_ratings(file)
    assert len(ratings) and np.isfinite(ratings.values).all()
    assert ratings.users.max() < ratings.num_users and ratings.items.max() < ratings.num_items


def _check_train(file: Path) -> None:
    users, items = read_train_parquet(file)
    assert len(users) == len(items) > 0 and users.min() >= 0 and items.min() >= 0


def _result_of_a_run() -> Reader:
    """A result that is read, of a network or a baseline, must also be displayable."""
    grid = quick_grid("hand")
    runs = [grid.network("GMF", 8, patience=None), grid.baseline("ItemKNN")]

    def wholes(directory: Path) -> list[bytes]:
        for run in runs:
            put(directory, run, [0, 3, 99])
        return [(directory / f"{run.name}.json").read_bytes() for run in runs]

    def read(content: bytes, directory: Path) -> None:
        file = directory / "run.json"
        file.write_bytes(content)
        result = read_result(file)
        assert len(result.positions) == result.dataset["tests"]
        hits = (result.positions < 10).mean()
        assert np.isclose(result.hr, hits, atol=1e-9) and 0 <= result.ndcg <= result.hr
        # As if the options had come through whole, so that the tables look it up.
        run = runs[0] if result.run.get("kind") == "network" else runs[1]
        place = directory / run.model
        place.mkdir(exist_ok=True)
        document = {**json.loads(content), "run": run.options()}
        (place / f"{run.name}.json").write_text(json.dumps(document), encoding="utf-8")
        book = Book(grid, place)
        made = [make(book) for make in (tables.table1, tables.curves_cells, tables.baselines)]
        assert f"| {result.hr:.4f} |" in "".join(table.markdown() for table in made)
        for table in made:
            tables.to_csv(table.header, table.rows).encode()
        figures.points(figures.figure6(book)).encode()

    return Reader(wholes, read)


def _titles() -> Reader:
    def check(file: Path) -> None:
        assert all(isinstance(text, str) for pair in read_titles(file).items() for text in pair)

    records = b'{"item": 1, "title": "A \\u00e9"}\n{"item": "2", "title": "B", "name": null}\n'
    text = b'1::Toy Story (1995)::Animation\n2::"Jumanji" (1995)::Adventure\n'
    return _of_file(
        lambda directory: [text, text.replace(b"::", b","), gzip.compress(text), records], "titles", check
    )


def _weights() -> Reader:
    def wholes(directory: Path) -> list[bytes]:
        model = small_model("NeuMF", 3, 2)
        return [written(model, layout, directory).read_bytes() for layout in WRITERS]

    def check(file: Path) -> None:
        for arrays in read_weight_file(file).layers.values():
            assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)

    return _of_file(wholes, "weights.h5", check)


def _baselines() -> Reader:
    dataset = Dataset.from_pairs([0, 0, 1, 2], [0, 1, 1, 2], [2], [0], [[1]])
    users = np.arange(3)

    def wholes(directory: Path) -> list[bytes]:
        fitted = [kind.fit(dataset) for kind in (ItemPop(), EASE(1.0), DotProduct(2, sweeps=1))]
        for number, baseline in enumerate(fitted):
            baseline.save(directory / f"{number}.npz")
        return [(directory / f"{number}.npz").read_bytes() for number in range(len(fitted))]

    def check(file: Path) -> None:
        read = load_baseline(file)
        scores = read.score_all(users[: read.num_users])
        assert scores.shape[1] == read.num_items and np.isfinite(scores).all()

    return _of_file(wholes, "baseline.npz", check)


@functools.cache
def _callback(directory: CheckpointDirectory | None) -> Checkpoints:
    """Return what writes and restores a small training with an iteration."""
    trained = trainer(iterations=[0.2])
    best_weights = BestWeights(trained)
    best_weights.on_train_begin()
    return Checkpoints(trained, directory, {"--lr": 0.1}, {"best_weights": best_weights})


def _checkpoint(sealed: bool) -> Reader:
    """With `sealed`, the checksum is recomputed, so that the code behind it is tested."""

    def wholes(directory: Path) -> list[bytes]:
        with CheckpointDirectory(directory) as kept:
            content = _callback(kept).save().read_bytes()
        return [content[:-DIGEST] if sealed else content]

    def read(content: bytes, directory: Path) -> None:
        file = directory / "epoch-000001.checkpoint"
        file.write_bytes(content + hashlib.sha256(content).digest() if sealed else content)
        found = read_checkpoint(file)
        assert all(isinstance(array, np.ndarray) for array in found.arrays.values())
        require_format(found.metadata)
        restored = _callback(None)
        restored.restore(found)
        json.dumps(restored._trainer.state()[1])

    return Reader(wholes, read)


def _flags(model: str, whole: str) -> Reader:
    def read(content: bytes, directory: Path) -> None:
        words = content.decode("utf-8", "surrogateescape").split(" ")
        flags = training_parser(model).parse_args(words)
        model_options(flags)
        training_spec(flags)
        check_pretraining(flags)
        assert isinstance(flags, argparse.Namespace) and flags.batch_size >= 1 and 0 < flags.lr < float("inf")

    wholes = [whole.encode(), b"--epochs 3 --lr 0.1 --learner SGD --verbose 1 --resume"]
    return Reader(lambda directory: wholes, read)


READERS = {
    "train.rating": _dataset_part("train"),
    "test.rating": _dataset_part("test"),
    "test.negative": _dataset_part("negatives"),
    "id map": _ids_of_dataset(),
    "ids that stay": _part_of_earlier(".users.csv"),
    "rows that wait": _part_of_earlier(".waiting.csv"),
    "cold rows": _part_of_time_split(".cold.rating"),
    "validation rows": _part_of_time_split(".validation.rating"),
    "options and sizes": _part_of_earlier(".json"),
    "encodings of features": _part_of_features(".features.json"),
    "columns of features": _part_of_features(".items.csv"),
    "table of features": _feature_table(),
    "raw log": _of_file(_logs, "log", _check_log),
    "raw log in JSON": _of_file(_json_logs, "log", _check_log),
    "raw log in Parquet": _of_file(_parquet_logs, "log", _check_log),
    "ratings": _of_file(_logs, "log", _check_ratings),
    "train.parquet": _of_file(_train_parquets, "small.train.parquet", _check_train),
    "result of a run": _result_of_a_run(),
    "titles": _titles(),
    "weight file": _weights(),
    "baseline": _baselines(),
    "checkpoint": _checkpoint(sealed=False),
    "checkpoint with a fitting checksum": _checkpoint(sealed=True),
    "flags of GMF": _flags("GMF", "--num_factors 8 --regs [0,0.1] --batch_size 256 --seed 1"),
    "flags of NeuMF": _flags(
        "NeuMF", "--layers [64,32] --reg_layers [0,1e-3] --reg_mf 0.1 --alpha 0.5 --patience 2"
    ),
}
