import json
import re

import pytest
import scipy.stats

from ncf_keras.cli.compare import main
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import build_gmf, build_mlp, model_scores
from ncf_keras.weights import save_weights
from tests.models import by_hand


@pytest.fixture(scope="module")
def files(tmp_path_factory, sample):
    """Two models for the sample, one of another size, and what the first two make of the test."""
    directory, results = tmp_path_factory.mktemp("models"), {}
    save_weights(build_gmf(10, 500, 4, seed=1), directory / "small.h5")
    protocol = LeaveOneOut(sample.test_users, sample.test_items, sample.test_negatives)
    models = {"gmf.h5": build_gmf(1000, 500, 4), "mlp.keras": build_mlp(1000, 500, (8, 4), (0, 0))}
    for name, model in models.items():
        by_hand.randomise(model)
        save_weights(model, directory / name, name.rpartition(".")[2])
        results[name] = protocol.evaluate(model_scores(model))
    return directory, results


def run(directory, *arguments):
    files = [str(directory / argument) if "." in argument else argument for argument in arguments]
    return main([*files, "--dataset", "sample"])


def test_two_models_of_different_kinds(files, tmp_path, capsys):
    directory, results = files
    assert run(directory, "gmf.h5", "mlp.keras", "--topk", "10", "--json", str(tmp_path / "c.json")) == 0
    lines = capsys.readouterr().out.splitlines()
    document = json.loads((tmp_path / "c.json").read_text())
    assert document["protocol"] == "sampled" and document["rankings"] == 1000
    a, b = results["gmf.h5"], results["mlp.keras"]
    for name, first, second in (("HR@10", a.hits, b.hits), ("NDCG@10", a.ndcgs, b.ndcgs)):
        metric = document["metrics"][name]
        means = metric["mean_a"], metric["mean_b"], metric["difference"]["mean"]
        assert means == pytest.approx((first.mean(), second.mean(), (second - first).mean()))
        assert metric["differing"] == (first != second).sum() > 50
        assert metric["t_test"] == pytest.approx(scipy.stats.ttest_rel(second, first).pvalue)
        assert metric["wilcoxon"] == pytest.approx(scipy.stats.wilcoxon(second, first).pvalue)
        (line,) = (line for line in lines if line.startswith(name))
        assert line.split()[1:3] == [f"{first.mean():.4f}", f"{second.mean():.4f}"]
    assert lines[1].startswith("Protocol sampled: each of 1,000 test items ranked among 99 sampled negatives")
    assert lines[2:4] == [f"A: {directory / 'gmf.h5'}", f"B: {directory / 'mlp.keras'}"]
    assert "1,000 users" in lines[-1]


def test_a_model_and_itself_do_not_differ(files, tmp_path, capsys):
    directory, _ = files
    assert run(directory, "gmf.h5", "gmf.h5", "--protocol", "full", "--json", str(tmp_path / "c.json")) == 0
    out = capsys.readouterr().out
    assert out.endswith("\nA and B agree on all 1,000 users: there is no difference to test.\n")
    assert re.search(r"^HR@10 .* \+0\.0000 +\+0\.0000 … \+0\.0000 +0 +- +-$", out, re.MULTILINE)
    metric = json.loads((tmp_path / "c.json").read_text())["metrics"]["HR@10"]
    assert (metric["t_test"], metric["wilcoxon"], metric["differing"]) == (None, None, 0)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["gmf.h5", "small.h5"], "`B` must be of a model for the 1000 users and 500 items of sample"),
    (["small.h5", "gmf.h5"], "`A` must be of a model for the 1000 users and 500 items of sample"),
    (["gmf.h5", "absent.h5"], "absent.h5 must be a file that can be read"),
    (["gmf.h5", "mlp.keras", "--json", "absent/c.json"], "`--json` must be a file in a directory that"),
])  # fmt: skip
def test_mistakes_end_with_a_sentence(files, capsys, arguments, sentence):
    directory, _ = files
    assert run(directory, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and sentence in error and error.count("\n") == 1
