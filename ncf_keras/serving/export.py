"""A trained model as a SavedModel that TensorFlow Serving loads, with recommendations in it."""

import os
import tempfile
from pathlib import Path

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.models.factored import FactoredModel, can_factor
from ncf_keras.models.item_vectors import item_vectors
from ncf_keras.serving.catalogue import Catalogue, Interactions, make_catalogue
from ncf_keras.serving.publishing import publish, require_version
from ncf_keras.serving.recommender import Recommender
from ncf_keras.serving.seal import Seal, write_seal
from ncf_keras.serving.signatures import IdSignatures, make_signatures
from ncf_keras.serving.warm_up import write_warm_up


def export_model(
    model: keras.Model,
    dataset: Interactions | None,
    directory: str | os.PathLike,
    version: int | None = None,
) -> Path:
    """Write a new version of a served model.

    The version appears under its number when it is complete, never before; see `publishing.py`.

    Args:
        model: GMF, MLP or NeuMF, trained.
        dataset: the `ncf_keras.data.Dataset` it was trained on: its train interactions are left out of lists
            and make the popularity list, its raw ids and titles answer by id. None: indices alone.
        directory: of the model, such as `serving/ncf`, made if it is missing; its name is the model's.
        version: the number; the one after the highest if None.

    Returns:
        The directory of the version, such as `serving/ncf/1`.

    Raises:
        InputError: the model is of another kind, does not fit the dataset or has weights that are not finite;
            the version exists; the directory can't be written to.
    """
    require_version(version)
    if not can_factor(model):
        raise InputError(f"`model` must be a GMF, MLP or NeuMF to be exported. Received: {model.name}")
    _require_finite(model)
    factored = FactoredModel(model)
    catalogue = make_catalogue(factored.num_users, factored.num_items, dataset)
    recommender = Recommender(factored, item_vectors(model), catalogue)
    name = Path(directory).resolve().name
    return publish(lambda building: _write(building, name, recommender, catalogue), directory, version)


def _write(building: Path, name: str, recommender: Recommender, catalogue: Catalogue) -> None:
    """Write all files of an export into an empty directory."""
    signatures = make_signatures(recommender)
    archive = keras.export.ExportArchive()
    if catalogue.item_ids is not None:
        by_id = IdSignatures(recommender, catalogue)
        signatures |= by_id.make()
        for table in by_id.tables:
            archive.track(table)
    with tempfile.TemporaryDirectory() as elsewhere:
        archive.track(Seal(Path(elsewhere)))
        # The first is what a server takes for the default.
        for key, signature in signatures.items():
            archive.add_endpoint(key, signature.compute, list(signature.inputs))
        archive.write_out(str(building), verbose=False)
    write_warm_up(building, name, signatures, catalogue)
    write_seal(building)


def _require_finite(model: keras.Model) -> None:
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise InputError("`model` must have finite weights. Received: one that has not, as after diverging")
