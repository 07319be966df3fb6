"""`run/convert.py`: any format into any other."""

import keras
import pytest

from ncf_keras.cli.convert import main
from ncf_keras.weights import load_model, read_weight_file
from tests.weights.small_models import WRITERS, arrays, assert_equal_bits, small_model, write_keras2, written

TARGETS = ("out_[8,6]_1.h5", "out_[8,6]_1.keras", "out_[8,6]_1.weights.h5")


@pytest.mark.parametrize("layout", WRITERS)
def test_every_format_into_every_other(layout, tmp_path, capfd):
    model = small_model("NeuMF", 6, 6)
    source = written(model, layout, tmp_path)
    for target in TARGETS:
        assert main([str(source), "--to", str(tmp_path / target)]) == 0
        assert_equal_bits(arrays(load_model(tmp_path / target)), arrays(model))
        out, err = capfd.readouterr()
        assert out == "" and "NeuMF, 6 users, 6 items, 3 factors, layers [8, 6, 4]" in err


def test_the_format_may_be_named_and_a_file_converted_onto_itself(tmp_path):
    source, target = written(small_model("GMF"), "keras2.h5", tmp_path), tmp_path / "out.keras"
    assert main([str(source), "--to", str(target), "--format", "keras"]) == 0
    assert read_weight_file(target).layout == "archive"
    before = source.read_bytes()
    assert main([str(source), "--to", str(source)]) == 2 and source.read_bytes() == before
    assert main([str(source), "--to", str(source), "--in_place"]) == 0
    assert read_weight_file(source).layout == "keras1"
    for model in (keras.saving.load_model(target), load_model(source)):
        assert_equal_bits(arrays(model), arrays(small_model("GMF")))


def test_layers_get_new_names(tmp_path, capfd):
    ours = arrays(small_model("GMF", 6, 6))
    theirs = {"embedding": "user_embedding", "embedding_1": "item_embedding", "dense": "prediction"}
    write_keras2(tmp_path / "in.h5", {old: ours[new] for old, new in theirs.items()})
    target = tmp_path / "out.keras"
    assert main([str(tmp_path / "in.h5"), "--to", str(target)]) == 2 and not target.exists()
    assert "--rename OLD=NEW,…" in capfd.readouterr().err
    pairs = ", ".join(f"{old}={new}" for old, new in theirs.items())
    assert main([str(tmp_path / "in.h5"), "--to", str(target), "--rename", pairs]) == 0
    assert_equal_bits(read_weight_file(target).layers, ours)


@pytest.mark.parametrize("text", ["", "a", "a=", "=a", "a=b,", "a=b=c", "user_embedding=b,user_embedding=c"])
def test_new_names_that_are_none(text, tmp_path, capfd):
    with pytest.raises(SystemExit) as caught:
        main([str(written(small_model("GMF"), "keras1.h5", tmp_path)), "--to", "out.h5", "--rename", text])
    assert caught.value.code == 2
    assert "argument --rename: must be OLD=NEW for each layer once" in capfd.readouterr().err


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["in.h5", "--to", "out.h5", "--rename", "x=y"], "`--rename` must name layers of in.h5: "),
    (["in.h5", "--to", "out.h5", "--rename", "prediction=user_embedding"], "`--rename` must give each layer"),
    (["absent.h5", "--to", "out.h5"], "absent.h5 must be a file that can be read"),
    (["in.h5", "--to", "out.npz"], "out.npz must end with .h5, .keras or .weights.h5"),
    (["in.h5", "--to", "out.h5", "--format", "keras"], "out.h5 must end with .keras"),
    (["in.h5", "--to", "absent/out.h5"], "absent/out.h5 must be a file in a directory that exists"),
    (["text.h5", "--to", "out.h5"], "text.h5 must be a weight file of Keras"),
])  # fmt: skip
def test_mistakes_end_with_a_sentence_and_status_2(arguments, sentence, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    written(small_model("GMF"), "keras1.h5", tmp_path).rename("in.h5")
    (tmp_path / "text.h5").write_text("hello")
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("error: ") and sentence in err and len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h5", "text.h5"]
