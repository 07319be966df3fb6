"""What must be the same for a run to go on."""

import argparse

from ncf_keras.cli.training_options import content_digest, run_options
from ncf_keras.data.features import Feature, Features
from ncf_keras.models import ModelSpec
from ncf_keras.training import TrainingSpec
from tests.data.test_dataset import small


def content_of(dataset):
    options = run_options(argparse.Namespace(features="none"), ModelSpec("GMF", 3, 6), TrainingSpec(), dataset)
    return options["content of --dataset"]


def test_features_count_for_the_content_of_a_dataset_where_a_model_takes_them():
    sizes = {"num_users": 3, "num_items": 6}
    genres = (["a", "b", "a", "b", "a", "a"], ["a", "b", "a", "b", "a", "b"])
    features = [Features([Feature.of_texts("genre", cells)]) for cells in genres]
    described = [small(**sizes, item_features=each) for each in features]
    plain = content_of(small(**sizes))
    assert {content_of(each) for each in described} == {plain}
    assert len({plain, *(content_digest(each, "item") for each in described)}) == 3


def test_states_count_for_the_content_of_a_dataset_where_there_are_any():
    sizes = {"num_users": 3, "num_items": 6}
    # As checkpoints of runs have it from before there were states.
    plain = "bc89faa31e02956adb37d1da328eee3a337edcfac8a5944abded8342529255a9"
    assert content_of(small(**sizes)) == content_of(small(**sizes, user_states=[0, 0, 0])) == plain
    states = (
        {"user_states": [0, 0, 1]},
        {"user_states": [0, 0, 2]},
        {"item_states": [0, 0, 0, 0, 0, 1]},
        {"user_states": [0, 0, 1], "item_states": [0, 0, 0, 0, 0, 1]},
    )
    assert len({plain, *(content_of(small(**sizes, **some)) for some in states)}) == 5
