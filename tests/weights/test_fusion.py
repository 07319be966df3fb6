"""NeuMF started from a trained GMF and a trained MLP."""

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.weights import ModelSizes, fuse_pretrained, load_model, read_weight_file
from tests.shared_files import golden, shared
from tests.weights.small_models import arrays, assert_equal_bits, small_model


def test_equals_the_authors_load_pretrain_model():
    """Bit for bit the NeuMF that `load_pretrain_model` of the authors made of the same two models."""
    gmf = load_model(golden("fusion_GMF.keras1.h5"))
    mlp = load_model(golden("fusion_MLP.keras1.h5"))
    neumf = build_neumf(50, 40, 6, [16, 12, 8], [0, 0, 0])
    fuse_pretrained(neumf, gmf, mlp)
    expected = read_weight_file(golden("fusion_NeuMF.keras1.h5")).layers
    assert_equal_bits(arrays(neumf), expected)
    with np.load(golden("fusion.npz")) as recorded:
        predictions = recorded["neumf_prediction"]
    users, items = np.indices(predictions.shape).reshape(2, -1, 1).astype(np.int32)
    found = neumf([users, items]).numpy().reshape(predictions.shape)
    np.testing.assert_allclose(found, predictions, rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0, 0.3, 0.5, np.float32(0.75), 1])
def test_logit_is_the_weighted_mean_of_the_two(alpha):
    """By equation 13 the fused logit is alpha times that of GMF plus 1 - alpha times that of MLP."""
    gmf, mlp, neumf = small_model("GMF", seed=1), small_model("MLP", seed=2), small_model("NeuMF", seed=3)
    for model in (gmf, mlp):
        # Far out the sigmoid in float32 no longer tells logits apart.
        output = model.get_layer("prediction")
        output.kernel.assign(output.kernel * 0.1)
    fuse_pretrained(neumf, gmf, mlp, alpha)
    users, items = np.indices((7, 5)).reshape(2, -1, 1).astype(np.int32)

    def logit(model):
        score = model([users, items]).numpy().astype(np.float64)
        return np.log(score / (1 - score))

    expected = alpha * logit(gmf) + (1 - alpha) * logit(mlp)
    assert np.ptp(logit(gmf)) > 0.1
    assert np.ptp(logit(mlp)) > 0.1
    np.testing.assert_allclose(logit(neumf), expected, atol=2e-5)


def test_the_pretrained_models_stay_as_they_are():
    gmf, mlp, neumf = small_model("GMF", seed=1), small_model("MLP", seed=2), small_model("NeuMF")
    before = arrays(gmf), arrays(mlp)
    fuse_pretrained(neumf, gmf, mlp, 0.3)
    assert_equal_bits(arrays(gmf), before[0])
    assert_equal_bits(arrays(mlp), before[1])


def test_no_hidden_layers_and_equal_counts():
    gmf, mlp = build_gmf(6, 6, 3), build_mlp(6, 6, [8], [0])
    neumf = build_neumf(6, 6, 3, [8], [0])
    fuse_pretrained(neumf, gmf, mlp, 0.25)
    found, of_gmf, of_mlp = arrays(neumf), arrays(gmf), arrays(mlp)
    np.testing.assert_array_equal(found["mf_embedding_user"][0], of_gmf["user_embedding"][0])
    np.testing.assert_array_equal(found["mf_embedding_item"][0], of_gmf["item_embedding"][0])
    np.testing.assert_array_equal(found["mlp_embedding_user"][0], of_mlp["user_embedding"][0])
    np.testing.assert_array_equal(found["mlp_embedding_item"][0], of_mlp["item_embedding"][0])
    kernel, bias = found["prediction"]
    np.testing.assert_allclose(kernel[:3], 0.25 * of_gmf["prediction"][0], rtol=1e-6)
    np.testing.assert_allclose(kernel[3:], 0.75 * of_mlp["prediction"][0], rtol=1e-6)
    np.testing.assert_allclose(bias, 0.25 * of_gmf["prediction"][1] + 0.75 * of_mlp["prediction"][1], rtol=1e-6)


MISFITS = [
    (
        lambda: build_gmf(8, 5, 3),
        None,
        "A.h5 must fit the NeuMF: user_embedding must be 7 x 3. Received: 8 x 3",
    ),
    (
        lambda: build_gmf(7, 4, 3),
        None,
        "A.h5 must fit the NeuMF: item_embedding must be 5 x 3. Received: 4 x 3",
    ),
    (lambda: build_gmf(7, 5, 4), None, "user_embedding must be 7 x 3. Received: 7 x 4; item_embedding"),
    (
        None,
        lambda: build_mlp(8, 5, [8, 6, 4], [0] * 3),
        "B.h5 must fit.*user_embedding must be 7 x 4. Received: 8",
    ),
    (None, lambda: build_mlp(7, 5, [8, 6], [0] * 2), "layer2 must be 6 x 4 [+] 4. Received: -"),
    (None, lambda: build_mlp(7, 5, [8, 5, 4], [0] * 3), "layer1 must be 8 x 6 [+] 6. Received: 8 x 5 [+] 5"),
    (None, lambda: build_mlp(7, 5, [8, 6, 4, 2], [0] * 4), "layer3 must be -. Received: 4 x 2 [+] 2"),
    (lambda: build_mlp(7, 5, [6], [0]), None, "A.h5 must be a trained GMF. Received: MLP"),
    (None, lambda: build_gmf(7, 5, 4), "B.h5 must be a trained MLP. Received: GMF"),
    (lambda: build_neumf(7, 5, 3), None, "A.h5 must be a trained GMF. Received: NeuMF"),
]


@pytest.mark.parametrize(("gmf", "mlp", "sentence"), MISFITS)
def test_a_misfit_is_told_in_a_sentence(gmf, mlp, sentence):
    neumf = small_model("NeuMF")
    before = arrays(neumf)
    gmf = gmf() if gmf else small_model("GMF")
    mlp = mlp() if mlp else small_model("MLP")
    with pytest.raises(InputError, match=sentence) as caught:
        fuse_pretrained(neumf, gmf, mlp, gmf_name="A.h5", mlp_name="B.h5")
    assert "\n" not in str(caught.value)
    assert_equal_bits(arrays(neumf), before)


@pytest.mark.parametrize("alpha", [-0.01, 1.01, float("nan"), float("inf"), "0.5", None, True])
def test_alpha_is_a_share(alpha):
    with pytest.raises(InputError, match="`alpha` must be a number from 0 to 1"):
        fuse_pretrained(small_model("NeuMF"), small_model("GMF"), small_model("MLP"), alpha)


def test_the_target_is_a_neumf():
    with pytest.raises(InputError, match=r"`neumf` must be a NeuMF\. Received: GMF"):
        fuse_pretrained(small_model("GMF"), small_model("GMF"), small_model("MLP"))


# HR@10 and NDCG@10 on MovieLens-1M of the authors' published weights, and fused from them by the authors' code.
FUSED = [(0.5, 0.6710, 0.3969), (0.3, 0.6732, 0.3992), (0.7, 0.6666, 0.3907)]


@pytest.fixture(scope="module")
def published():
    gmf = load_model(shared("authors/ml-1m_GMF_8_1501651698.h5"))
    mlp = load_model(shared("authors/ml-1m_MLP_[64,32,16,8]_1501652038.h5"))
    neumf = ModelSizes("NeuMF", 6040, 3706, 8, (64, 32, 16, 8)).build()
    return {"GMF": gmf, "MLP": mlp, "NeuMF": neumf}


@pytest.fixture(scope="module")
def protocol():
    ratings = np.loadtxt(shared("data/ml-1m.test.rating"), dtype=np.int32, usecols=(0, 1))
    lines = shared("data/ml-1m.test.negative").read_text().splitlines()
    negatives = np.array([line.split("\t")[1:] for line in lines], dtype=np.int32)
    return LeaveOneOut(ratings[:, 0], ratings[:, 1], negatives)


def scores(model):
    def score(users, items):
        # Straight through the graph, the plainest way to score.
        return np.concatenate(
            [
                model([users[start : start + 2**16, None], items[start : start + 2**16, None]])[:, 0]
                for start in range(0, len(users), 2**16)
            ]
        )

    return score


@pytest.mark.parametrize(("alpha", "hr", "ndcg"), FUSED)
def test_published_weights_fused(alpha, hr, ndcg, published, protocol):
    fuse_pretrained(published["NeuMF"], published["GMF"], published["MLP"], alpha)
    result = protocol.evaluate(scores(published["NeuMF"]))
    assert (round(result.hr, 4), round(result.ndcg, 4)) == (hr, ndcg)


@pytest.mark.parametrize("name", ["GMF", "MLP", "NeuMF"])
def test_published_weights_rank_as_the_authors_code_does(name, published, protocol):
    fuse_pretrained(published["NeuMF"], published["GMF"], published["MLP"])
    result = protocol.evaluate(scores(published[name]))
    with np.load(shared("golden/ml-1m_evaluation.npz")) as recorded:
        np.testing.assert_array_equal(result.hits, recorded[f"{name}_hit"])
        np.testing.assert_allclose(result.ndcgs, recorded[f"{name}_ndcg"], rtol=0, atol=1e-7)
    expected = {"GMF": (0.6368, 0.3691), "MLP": (0.6710, 0.3963), "NeuMF": (0.6710, 0.3969)}[name]
    assert (round(result.hr, 4), round(result.ndcg, 4)) == expected
