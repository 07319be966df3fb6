"""What a candidate finds is what training, fusing or fitting by hand gives."""

import json

import numpy as np
import pytest

from ncf_keras.baselines import EASE
from ncf_keras.cli.flags import training_parser
from ncf_keras.cli.training_options import model_options
from ncf_keras.data import read_dataset, split_validation
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import ModelSpec, model_scores
from ncf_keras.training import Trainer, TrainingSpec
from ncf_keras.training.tuned import build_tuned_neumf, train_gmf
from ncf_keras.tuning import SPACES, Effort, candidate_of
from ncf_keras.tuning.recipes import ALPHAS, Shares, recipe_of
from tests.small_data import write_random_files

pytestmark = pytest.mark.usefixtures("shared_programs")
EFFORT = Effort(epochs=4, seed=3, top_k=5, patience=4)
GMF = {"num_factors": 4, "reg": 0.0, "lr": 0.01, "num_neg": 2, "batch_size": 256}
TUNED = {
    **SPACES["tuned"].first[0], "num_factors": 4, "layers": "[8,4]", "mlp_learning_rate": 0.01,
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


@pytest.mark.parametrize("kind", ["GMF", "MLP", "NeuMF"])
def test_a_penalty_is_on_the_embeddings_alone_in_the_model_as_in_the_command(kind, dataset):
    settings = {**GMF, "layers": "[8,4]", "reg": 0.25, "epochs": 0}
    settings = {name: settings[name] for name in settings if name in {"epochs", *SPACES[kind].ranges}}
    flags = training_parser(kind).parse_args(candidate_of(kind).flags(settings, 3, "")[1:])
    typed = ModelSpec(kind, dataset.num_users, dataset.num_items, **model_options(flags)).build(3)
    for model in (candidate_of(kind).make(settings, dataset, 3), typed):
        penalties = {
            layer.name: float(regularizer.l2)
            for layer in model.layers
            for name in ("embeddings_regularizer", "kernel_regularizer")
            if (regularizer := getattr(layer, name, None)) is not None
        }
        on = {name for name, penalty in penalties.items() if penalty}
        assert on == {layer.name for layer in model.layers if "embedding" in layer.name}
        assert {penalties[name] for name in on} == {0.25}


def test_the_recipe_that_is_found_ranks_as_it_was_said_to(examples):
    found = candidate_of("tuned").measure(TUNED, examples, EFFORT, never)
    recipe = recipe_of(found.settings)
    assert 1 <= recipe.mlp_epochs <= 4 and recipe.alpha in ALPHAS
    neumf = build_tuned_neumf(examples, recipe, 3)
    result = protocol(examples).evaluate(model_scores(neumf), 5)
    assert (result.hr, result.ndcg) == pytest.approx((found.result.hr, found.result.ndcg))


def test_a_recipe_is_told_by_its_gmf_alone_first(dataset, examples):
    told = []
    found = candidate_of("tuned").measure(TUNED, examples, EFFORT, lambda *each: told.append(each) or True)
    gmf = train_gmf(examples, recipe_of(TUNED, mlp_epochs=1), 3)
    alone = protocol(examples).evaluate(model_scores(gmf), 5)
    assert found.given_up and found.settings == {**TUNED, "alpha": 1.0}
    assert told == [(1, pytest.approx(alone.ndcg))] and found.result.hr == pytest.approx(alone.hr)


def test_probabilities_that_round_to_one_and_to_nought_are_ranked(examples):
    """Their logits would be infinite, and a share of none of them no number."""
    sure = np.zeros((examples.num_users, examples.num_items), np.float32)
    sure[examples.test_users, examples.test_items] = 1
    shares = Shares(examples, lambda users, items: sure[users, items], 5)
    assert shares.best_with(lambda users, items: np.full(len(users), 0.5, np.float32))[1].hr == 1


def test_no_other_share_is_better(examples):
    generator = np.random.default_rng(7)
    gmf, mlp = generator.uniform(0.01, 0.99, (2, examples.num_users, examples.num_items))
    # Both know something of the held-out item, and err by themselves about all others.
    for scores in (gmf, mlp):
        scores[examples.test_users, examples.test_items] = 0.75
    shares = Shares(examples, lambda users, items: gmf[users, items], 5)
    alpha, result = shares.best_with(lambda users, items: mlp[users, items])
    logits = np.log(gmf / (1 - gmf)), np.log(mlp / (1 - mlp))

    def ndcg(share):
        fused = share * logits[0] + (1 - share) * logits[1]
        return protocol(examples).evaluate(lambda users, items: fused[users, items], 5).ndcg

    by_hand = [ndcg(share) for share in ALPHAS]
    assert result.ndcg == pytest.approx(max(by_hand)) and max(by_hand) > max(by_hand[0], by_hand[-1])
    assert alpha == ALPHAS[int(np.argmax(by_hand))]
    # The logits of the two serve another MLP too.
    assert shares.best_with(lambda users, items: gmf[users, items])[1].ndcg == pytest.approx(by_hand[-1])


def test_a_baseline_is_fitted_and_ranked_once(examples):
    told = []
    found = candidate_of("EASE").measure({"regularization": 10.0}, examples, EFFORT, told.append)
    by_hand = protocol(examples).evaluate(EASE(10.0).fit(examples).score, 5)
    assert (found.result.hr, found.result.ndcg) == (by_hand.hr, by_hand.ndcg) and told == []
    assert json.dumps(found.settings) == '{"regularization": 10.0}'
