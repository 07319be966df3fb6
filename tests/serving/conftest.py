"""Exports that many tests ask, each made and loaded once."""

import pytest

from ncf_keras.serving.export import export_model
from tests.serving.cpp_loader import CppModel
from tests.serving.small_exports import predictions, small_dataset, small_model


@pytest.fixture(scope="session")
def dataset():
    return small_dataset()


@pytest.fixture(scope="session")
def neumf():
    return small_model("NeuMF")


@pytest.fixture(scope="session")
def neumf_scores(neumf):
    return predictions(neumf)


@pytest.fixture(scope="session")
def exported(neumf, dataset, tmp_path_factory):
    """The directory of a version with everything in it; tests that change it take a copy."""
    return export_model(neumf, dataset, tmp_path_factory.mktemp("serving") / "ncf")


@pytest.fixture(scope="session")
def exported_mlp(tmp_path_factory):
    """The directory of an MLP without hidden layers, for items with ids alone."""
    dataset = small_dataset(user_ids=None, item_titles=None)
    return export_model(small_model("MLP-0"), dataset, tmp_path_factory.mktemp("serving") / "mlp")


@pytest.fixture(scope="session")
def loaded(exported):
    with CppModel(exported) as model:
        yield model
