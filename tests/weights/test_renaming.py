"""New names for the layers of a file."""

import shlex

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.weights import load_model, load_weights, read_weight_file
from ncf_keras.weights.renaming import rename_command
from tests.weights.small_models import arrays, assert_equal_bits, small_model, write_keras2

THEIRS = {"embedding": "user_embedding", "embedding_1": "item_embedding", "dense": "prediction"}


@pytest.fixture
def file(tmp_path):
    """A file of a GMF whose layers Keras named, and the GMF."""
    model = small_model("GMF", 6, 6)
    ours = arrays(model)
    write_keras2(tmp_path / "f.h5", {old: ours[new] for old, new in THEIRS.items()})
    return tmp_path / "f.h5", ours


def test_renamed_layers_are_read_and_loaded(file):
    path, ours = file
    assert_equal_bits(read_weight_file(path, rename=THEIRS).layers, ours)
    assert_equal_bits(arrays(load_model(path, rename=THEIRS)), ours)
    model = small_model("GMF", 6, 6, seed=1)
    assert_equal_bits(load_weights(model, path, rename=THEIRS).layers, ours)
    assert_equal_bits(arrays(model), ours)


def test_all_names_change_at_once(tmp_path):
    """Two layers may change their names."""
    tables = {name: (np.full((2, 2), number, "f4"),) for number, name in enumerate("abc")}
    write_keras2(tmp_path / "f.h5", tables)
    found = read_weight_file(tmp_path / "f.h5", rename={"a": "b", "b": "a"}).layers
    assert_equal_bits(found, {"b": tables["a"], "a": tables["b"], "c": tables["c"]})


@pytest.mark.parametrize(("rename", "reason"), [
    ({"layer": "x"}, r"must name layers of \S+f\.h5: embedding, embedding_1, dense\. Received: 'layer'"),
    ({"dense": "embedding"}, "give each layer a name of its own. Received: 'embedding' for two layers"),
    ({"dense": "x", "embedding": "x"}, "give each layer a name of its own. Received: 'x' for two layers"),
    ({"dense": ""}, "`rename` must give 'dense' a name. Received: none"),
    ({"dense": 3}, r"`rename` must give layers new names, such as .*Received: \{'dense': 3\}"),
    (["dense", "x"], "`rename` must give layers new names"),
])  # fmt: skip
def test_refuses_what_gives_no_layer_a_name(rename, reason, file):
    with pytest.raises(InputError, match=reason):
        read_weight_file(file[0], rename=rename)


def test_the_command_is_quoted_for_a_shell():
    line = rename_command("a dir/it's.weights.h5", {"tf.op/a b": "x"})
    assert shlex.split(line)[2:] == [
        "a dir/it's.weights.h5",
        "--rename",
        "tf.op/a b=x",
        "--to",
        "a dir/it's.named.h5",
    ]
    assert all(rename_command("m.h5", {name: "x"}) is None for name in ("a,b", "a=b", "a\x1b"))
