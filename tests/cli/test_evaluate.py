import pytest

from ncf_keras.cli.evaluate import main
from ncf_keras.data import sample_dataset
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import build_gmf, build_mlp
from ncf_keras.weights import save_weights
from tests.shared_files import shared

AUTHORS = {
    "GMF": ("ml-1m_GMF_8_1501651698.h5", "HR@10 = 0.6368, NDCG@10 = 0.3691"),
    "MLP": ("ml-1m_MLP_[64,32,16,8]_1501652038.h5", "HR@10 = 0.6710, NDCG@10 = 0.3963"),
}


@pytest.mark.parametrize("model", AUTHORS)
def test_the_authors_files_give_the_authors_figures(model, capsys):
    file, figures = AUTHORS[model]
    data = shared("data/ml-1m.train.rating").parent
    weights = shared(f"authors/{file}")
    arguments = ["--model", model, "--weights", str(weights), "--path", f"{data}/", "--dataset", "ml-1m"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(figures)


def test_a_saved_model_gives_the_figures_of_its_predictions(tmp_path, capsys):
    dataset = sample_dataset()
    model = build_gmf(dataset.num_users, dataset.num_items, 4, seed=1)
    save_weights(model, tmp_path / "model.keras", "keras")
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    expected = protocol.evaluate(lambda u, i: model.predict([u[:, None], i[:, None]], verbose=0)[:, 0], top_k=5)
    arguments = ["--model", "GMF", "--weights", str(tmp_path / "model.keras"), "--dataset", "sample"]
    assert main([*arguments, "--topk", "5"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"HR@5 = {expected.hr:.4f}, NDCG@5 = {expected.ndcg:.4f} [")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (build_mlp(1000, 500, (8,), (0,)), "`--weights` must hold a GMF. Received: "),
        (build_gmf(999, 500, 4), "`--weights` must be of a model for the 1000 users and 500 items of sample"),
    ],
)
def test_another_model_or_another_size_is_refused(tmp_path, capsys, model, sentence):
    save_weights(model, tmp_path / "model.h5")
    arguments = ["--model", "GMF", "--weights", str(tmp_path / "model.h5"), "--dataset", "sample"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {sentence}")
    assert error.count("\n") == 1


def test_a_missing_file_is_named(tmp_path, capsys):
    assert main(["--model", "GMF", "--weights", str(tmp_path / "none.h5"), "--dataset", "sample"]) == 2
    assert str(tmp_path / "none.h5") in capsys.readouterr().err
