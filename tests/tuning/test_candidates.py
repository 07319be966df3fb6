"""What a candidate finds is what training, fusing or fitting by hand gives."""

import json

import numpy as np
import pytest

from ncf_keras.baselines import EASE
from ncf_keras.data import read_dataset, split_validation
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import ModelSpec, model_scores
from ncf_keras.training import Trainer, TrainingSpec
from ncf_keras.training.tuned import build_tuned_neumf, train_gmf, train_mlp
from ncf_keras.tuning import SPACES, Effort, candidate_of
from ncf_keras.tuning.recipes import ALPHAS, Shares, recipe_of
from tests.small_data import write_random_files

pytestmark = pytest.mark.usefixtures("shared_programs")
EFFORT = Effort(epochs=4, seed=3, top_k=5, patience=4)
GMF = {"num_factors": 4, "reg": 0.0, "lr": 0.01, "num_neg": 2, "batch_size": 256}
TUNED = {
    **SPACES["tuned"].first, "num_factors": 4, "layers": "[8,4]", "mlp_learning_rate": 0.01,
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("small")
    write_random_files(directory)
    return read_dataset(directory, "small")


@pytest.fixture(scope="module")
def examples(dataset):
    return split_validation(dataset)


def protocol(examples):
    return LeaveOneOut(examples.test_users, examples.test_items, examples.test_negatives)


def never(epoch, ndcg):
    return False


def test_the_epochs_of_a_network_are_those_of_its_best(dataset, examples):
    told = []
    found = candidate_of("GMF").measure(GMF, examples, EFFORT, lambda *each: told.append(each))
    model = ModelSpec("GMF", dataset.num_users, dataset.num_items, num_factors=4).build(3)
    spec = TrainingSpec(epochs=4, num_neg=2, learning_rate=0.01, select="test", seed=3, top_k=5)
    ndcgs = Trainer(model, examples, spec).fit().history["ndcg"]
    assert told == list(enumerate(ndcgs))
    assert found.settings == {**GMF, "epochs": 1 + int(np.argmax(ndcgs))}
    assert found.result.ndcg == max(ndcgs) and not found.given_up


def test_a_network_is_made_with_all_train_interactions(dataset):
    made = candidate_of("GMF").make({**GMF, "epochs": 2}, dataset, 3)
    model = ModelSpec("GMF", dataset.num_users, dataset.num_items, num_factors=4).build(3)
    Trainer(model, dataset, TrainingSpec(epochs=2, num_neg=2, learning_rate=0.01, select="none", seed=3)).fit()
    for one, same in zip(made.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def test_who_is_given_up_stops(examples):
    told = []
    found = candidate_of("GMF").measure(
        GMF, examples, EFFORT, lambda *each: told.append(each) or len(told) == 2
    )
    assert len(told) == 2 and found.given_up


def test_nothing_better_for_some_epochs_ends_a_training(examples):
    told = []
    effort = Effort(epochs=30, seed=3, top_k=5, patience=2)
    still = {**GMF, "lr": 1e-12}
    candidate_of("GMF").measure(still, examples, effort, lambda *each: told.append(each))
    assert len(told) == 3


@pytest.mark.parametrize("penalised", ["GMF", "NeuMF"])
def test_a_penalty_is_on_all_embeddings(penalised, dataset):
    """Strong enough, it keeps the rows from growing."""
    settings = {**GMF, "layers": "[8,4]", "epochs": 2}
    if penalised == "GMF":
        del settings["layers"]
    free, held = (candidate_of(penalised).make({**settings, "reg": reg}, dataset, 3) for reg in (0.0, 10.0))
    for name in [layer.name for layer in free.layers if "embedding" in layer.name]:
        one, other = (np.abs(model.get_layer(name).get_weights()[0]).sum() for model in (free, held))
        assert other < one / 2


def test_the_recipe_that_is_found_ranks_as_it_was_said_to(examples):
    found = candidate_of("tuned").measure(TUNED, examples, EFFORT, never)
    recipe = recipe_of(found.settings)
    assert 1 <= recipe.mlp_epochs <= 4 and recipe.alpha in ALPHAS
    neumf = build_tuned_neumf(examples, recipe, 3)
    result = protocol(examples).evaluate(model_scores(neumf), 5)
    assert (result.hr, result.ndcg) == pytest.approx((found.result.hr, found.result.ndcg))


def test_no_other_share_is_better(examples):
    recipe = recipe_of(TUNED, mlp_epochs=1)
    gmf, mlp = train_gmf(examples, recipe, 3), train_mlp(examples, recipe, 3)
    alpha, result = Shares(examples, model_scores(gmf), 5).best_with(model_scores(mlp))

    def ndcg(share):
        def score(users, items):
            gmf_p, mlp_p = (model_scores(model)(users, items).astype(np.float64) for model in (gmf, mlp))
            return share * np.log(gmf_p / (1 - gmf_p)) + (1 - share) * np.log(mlp_p / (1 - mlp_p))

        return protocol(examples).evaluate(score, 5).ndcg

    by_hand = [ndcg(share) for share in ALPHAS]
    assert result.ndcg == pytest.approx(max(by_hand)) and alpha == ALPHAS[int(np.argmax(by_hand))]


def test_a_baseline_is_fitted_and_ranked_once(examples):
    told = []
    found = candidate_of("EASE").measure({"regularization": 10.0}, examples, EFFORT, told.append)
    by_hand = protocol(examples).evaluate(EASE(10.0).fit(examples).score, 5)
    assert (found.result.hr, found.result.ndcg) == (by_hand.hr, by_hand.ndcg) and told == []
    assert json.dumps(found.settings) == '{"regularization": 10.0}'
