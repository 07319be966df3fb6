"""A trained model as a SavedModel that TensorFlow Serving loads, with recommendations in it."""

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.saved_model import DEFAULT_SERVING_SIGNATURE_DEF_KEY

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.features import Feature
from ncf_keras.models.factored import FactoredModel, can_factor
from ncf_keras.models.same_features import require_same_features
from ncf_keras.recommending.listed import Listed
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.recommending.stages import Stages, Wanted
from ncf_keras.recommending.steered_ranking import SteeredRanker
from ncf_keras.recommending.steering import Groups
from ncf_keras.recommending.two_stage import make_ranker
from ncf_keras.serving.described_signatures import make_described_signatures
from ncf_keras.serving.names import IdTable, Names
from ncf_keras.serving.publishing import no_room, publish, require_version
from ncf_keras.serving.seal import STAGES, Seal, write_seal
from ncf_keras.serving.signatures import make_id_signatures, make_signatures
from ncf_keras.serving.warm_up import write_warm_up


def export_model(
    model: keras.Model,
    dataset: Dataset | None,
    directory: str | os.PathLike,
    version: int | None = None,
    *,
    group: Feature | None = None,
    beside: Mapping[str, bytes] | None = None,
    candidates: int | None = None,
    recall: float | None = None,
) -> Path:
    """Write a new version of a served model.

    The version appears under its number when it is complete, never before; see `publishing.py`.

    Args:
        model: GMF, MLP or NeuMF, trained.
        dataset: what it was trained on: its train interactions are left out of lists and make the popularity
            list, its raw ids and titles answer by id, and its columns of features encode whoever is described
            by them. None: indices alone.
        directory: of the model, such as `serving/ncf`, made if it is missing; its name is the model's.
        version: the number; the one after the highest if None.
        group: the feature of the items of whose categories a request may limit the number (`max_per`); None: no
            item has a category.
        beside: files to write into the version besides the model's, such as `assets.extra/about.json`.
        candidates, recall: as of a `Recommender`; with neither, lists are exact of a model with fewer than
            100,000 items, and of others `recall` is 0.99. The version says in `assets.extra/stages.json`,
            which `read_stages` reads, what was chosen and measured.

    Returns:
        The directory of the version, such as `serving/ncf/1`.
    """
    require_version(version)
    if not can_factor(model):
        raise InputError(f"`model` must be a GMF, MLP or NeuMF to be exported. Received: {model.name}")
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise InputError("`model` must have finite weights. Received: one that has not, as after diverging")
    factored = FactoredModel(model)
    sizes = (factored.num_users, factored.num_items)
    if dataset is not None:
        _require_fitting(dataset, sizes)
        require_same_features(model, dataset.feature_matrices(), dataset.name)
        _require_texts(dataset, Listed.of(dataset, model).users)
    ranker = make_ranker(model, *sizes, dataset, Wanted.by_default(candidates, recall, sizes[1]))
    name = Path(directory).resolve().name
    try:
        return publish(
            lambda building: _write(building, name, ranker, factored, dataset, group, beside or {}),
            directory,
            version,
        )
    except tf.errors.OpError as error:
        # What TensorFlow makes of a full disk: several kinds of error, by the file that was being written.
        raise no_room(directory, error) from error


def _write(
    building: Path,
    name: str,
    ranker: Ranker,
    parts: FactoredModel,
    dataset: Dataset | None,
    group: Feature | None,
    beside: Mapping[str, bytes],
) -> None:
    """Write all files of an export into an empty directory."""
    # A constant would lie in the graph, which can't be above 2 GB.
    groups = Groups(*(tf.Variable(part, trainable=False) for part in Groups.of(group, ranker.num_items)))
    signatures, tables = make_signatures(ranker, SteeredRanker(ranker, dataset), groups), list[IdTable]()
    names = None
    if dataset is not None and dataset.item_ids is not None:
        titles = dataset.item_titles or [""] * dataset.num_items
        names = Names(dataset.item_ids, titles, dataset.user_ids, ranker.listed.users)
        signatures |= make_id_signatures(signatures, names)
        tables += names.tables
    if dataset is not None:
        features = (dataset.user_features, dataset.item_features)
        described, more = make_described_signatures(ranker, (parts.users, parts.items), features, names)
        signatures |= described
        tables += more
    programs = {key: signature.concrete_function for key, signature in signatures.items()}
    programs[DEFAULT_SERVING_SIGNATURE_DEF_KEY] = programs["score"]
    with tempfile.TemporaryDirectory(dir=building) as elsewhere:
        # What programs capture is saved only if it is tracked from here.
        root = tf.Module()
        captured = dict.fromkeys(one.ref() for program in programs.values() for one in program.variables)
        root.captured = [reference.deref() for reference in captured]
        root.resources = [*tables, Seal(Path(elsewhere))]
        tf.saved_model.save(root, str(building), signatures=programs)
    write_warm_up(building, name, signatures, dataset)
    (building / STAGES).write_text(ranker.stages.to_json(), encoding="utf-8")
    for file, content in beside.items():
        (building / file).write_bytes(content)
    write_seal(building)


def read_stages(version: str | os.PathLike) -> Stages:
    """Return how the lists of an export, such as `serving/ncf/1`, are found, and how good they are."""
    return Stages.from_json((Path(version) / STAGES).read_text(encoding="utf-8"))


def _require_fitting(dataset: Dataset, sizes: tuple[int, int]) -> None:
    """Raise InputError unless the dataset is of these sizes."""
    if (dataset.num_users, dataset.num_items) != sizes:
        raise InputError(
            f"`dataset` must have the {sizes[0]} users and {sizes[1]} items of the model. "
            f"Received: {dataset.num_users} and {dataset.num_items}"
        )


def _require_texts(dataset: Dataset, listed_users: np.ndarray | None) -> None:
    """Raise InputError unless the texts of a dataset can be looked up in a graph."""
    for argument in ("user_ids", "item_ids", "item_titles"):
        texts = getattr(dataset, argument) or ()
        if argument == "user_ids":
            texts = texts if listed_users is None else list(itertools.compress(texts, listed_users))
        _require_unicode(texts, argument)
        twice, times = Counter(texts).most_common(1)[0] if texts else ("", 0)
        if argument != "item_titles" and times > 1:
            raise InputError(f"`{argument}` must have no id twice. Received: {twice!r} twice")
    for argument in ("user_features", "item_features"):
        for column in (getattr(dataset, argument) or {}).values():
            _require_unicode(column.categories, argument)


def _require_unicode(texts: Sequence[str], argument: str) -> None:
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeError:
            raise InputError(f"`{argument}` must be texts in Unicode. Received: {text!r}") from None
