"""Exports that many tests ask, each made and loaded once."""

import pytest

from ncf_keras.serving.export import export_model
from tests.serving.cpp_loader import CppModel
from tests.serving.small_exports import living_dataset, predictions, small_dataset, small_model


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


@pytest.fixture(scope="session")
def living():
    """A dataset with users and items who are not active."""
    return living_dataset()


# NeuMF has the towers of GMF too.
@pytest.fixture(scope="session", params=["NeuMF", pytest.param("GMF", marks=pytest.mark.slow)])
def living_model(request):
    return small_model(request.param)


@pytest.fixture(scope="session")
def living_scores(living_model):
    return predictions(living_model)


@pytest.fixture(scope="session")
def living_export(living_model, living, tmp_path_factory):
    return export_model(living_model, living, tmp_path_factory.mktemp("serving") / "ncf")


@pytest.fixture(scope="session")
def living_loaded(living_export):
    with CppModel(living_export) as model:
        yield model


@pytest.fixture(scope="session")
def loaded_alone(tmp_path_factory):
    """A GMF without a dataset."""
    exported = export_model(small_model("GMF"), None, tmp_path_factory.mktemp("serving") / "ncf")
    with CppModel(exported) as model:
        yield model
