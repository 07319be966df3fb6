"""NeuMF started from a trained GMF and a trained MLP."""

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import read_dataset
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import build_gmf, build_mlp, build_neumf, model_scores
from ncf_keras.models.spec import ModelSpec
from ncf_keras.weights import fuse_pretrained, load_model, read_weight_file
from tests.shared_files import golden, shared
from tests.weights.small_models import arrays, assert_equal_bits, small_model


def test_equals_the_authors_load_pretrain_model():
    """Bit for bit the NeuMF that `load_pretrain_model` of the authors made of the same two models."""
    neumf = build_neumf(50, 40, 6, [16, 12, 8], [0, 0, 0])
    fuse_pretrained(neumf, *(load_model(golden(f"fusion_{kind}.keras1.h5")) for kind in ("GMF", "MLP")))
    assert_equal_bits(arrays(neumf), read_weight_file(golden("fusion_NeuMF.keras1.h5")).layers)


@pytest.mark.parametrize("alpha", [0, 0.3, 0.5, np.float32(0.75), 1])
def test_logit_is_the_weighted_mean_of_the_two(alpha):
    """By equation 13 the fused logit is alpha times that of GMF plus 1 - alpha times that of MLP."""
    gmf, mlp, neumf = small_model("GMF", seed=1), small_model("MLP", seed=2), small_model("NeuMF", seed=3)
    for model in (gmf, mlp):
        # Far out the sigmoid in float32 no longer tells logits apart.
        output = model.get_layer("prediction")
        output.kernel.assign(output.kernel * 0.1)
    before = arrays(gmf) | arrays(mlp)
    fuse_pretrained(neumf, gmf, mlp, alpha)
    assert_equal_bits(arrays(gmf) | arrays(mlp), before)
    users, items = np.indices((7, 5)).reshape(2, -1, 1).astype(np.int32)

    def logit(model):
        score = model([users, items]).numpy().astype(np.float64)
        return np.log(score / (1 - score))

    expected = alpha * logit(gmf) + (1 - alpha) * logit(mlp)
    assert min(np.ptp(logit(gmf)), np.ptp(logit(mlp))) > 0.1
    np.testing.assert_allclose(logit(neumf), expected, atol=2e-5)


MLP = [8, 6, 4]


@pytest.mark.parametrize(("gmf", "mlp", "sentence"), [
    ((8, 5, 3), MLP, "A.h5 must fit the NeuMF: user_embedding must be 7 x 3. Received: 8 x 3"),
    ((7, 5, 4), MLP, "user_embedding must be 7 x 3. Received: 7 x 4; item_embedding"),
    ((7, 5, 3), [10, 6, 4], "B.h5 must fit.*user_embedding must be 7 x 4. Received: 7 x 5"),
    ((7, 5, 3), [8, 6], "layer2 must be 6 x 4 [+] 4. Received: -"),
    ((7, 5, 3), [8, 6, 4, 2], "layer3 must be -. Received: 4 x 2 [+] 2"),
    (build_mlp(7, 5, [6], [0]), MLP, "A.h5 must be a trained GMF. Received: MLP"),
    ((7, 5, 3), build_gmf(7, 5, 4), "B.h5 must be a trained MLP. Received: GMF"),
])  # fmt: skip
def test_a_misfit_is_told_in_a_sentence(gmf, mlp, sentence):
    neumf = small_model("NeuMF")
    before = arrays(neumf)
    gmf = build_gmf(*gmf) if isinstance(gmf, tuple) else gmf
    mlp = build_mlp(7, 5, mlp, [0] * len(mlp)) if isinstance(mlp, list) else mlp
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


@pytest.fixture(scope="module")
def published():
    gmf = load_model(shared("authors/ml-1m_GMF_8_1501651698.h5"))
    mlp = load_model(shared("authors/ml-1m_MLP_[64,32,16,8]_1501652038.h5"))
    return {"GMF": gmf, "MLP": mlp, "NeuMF": ModelSpec("NeuMF", 6040, 3706).build()}


@pytest.fixture(scope="module")
def protocol():
    dataset = read_dataset(f"{shared('data/ml-1m.train.rating').parent}/", "ml-1m")
    return LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)


# HR@10 and NDCG@10 on MovieLens-1M of the authors' published weights, fused by the authors' code.
FUSED = {0.3: (0.6732, 0.3992), 0.7: (0.6666, 0.3907)}


@pytest.mark.parametrize("name", ["GMF", "MLP", "NeuMF"])
def test_published_weights_rank_as_the_authors_code_does(name, published, protocol):
    fuse_pretrained(published["NeuMF"], published["GMF"], published["MLP"])
    result = protocol.evaluate(model_scores(published[name]))
    with np.load(shared("golden/ml-1m_evaluation.npz")) as recorded:
        np.testing.assert_array_equal(result.hits, recorded[f"{name}_hit"])
        np.testing.assert_allclose(result.ndcgs, recorded[f"{name}_ndcg"], rtol=0, atol=1e-7)
    expected = {"GMF": (0.6368, 0.3691), "MLP": (0.6710, 0.3963), "NeuMF": (0.6710, 0.3969)}[name]
    assert (round(result.hr, 4), round(result.ndcg, 4)) == expected
    for alpha, expected in FUSED.items() if name == "NeuMF" else ():
        fuse_pretrained(published["NeuMF"], published["GMF"], published["MLP"], alpha)
        result = protocol.evaluate(model_scores(published["NeuMF"]))
        assert (round(result.hr, 4), round(result.ndcg, 4)) == expected
