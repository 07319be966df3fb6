"""What a model's wiring says about its layers: right, or nothing."""

import json
import random
import re
import shlex

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.cli.convert import main as convert
from ncf_keras.cli.evaluate import main as evaluate
from ncf_keras.weights import build_model_for, read_weight_file
from ncf_keras.weights.configuration import LARGEST_CONFIGURATION, ConfigurationError, read_configuration
from ncf_keras.weights.wiring import names_by_wiring
from tests.weights.small_models import assert_equal_bits, write_keras2

# A model in words: for each layer its class, and the layers that it is given.
GMF = {
    "one": ("InputLayer",), "two": ("InputLayer",),
    "embedding": ("Embedding", "one"), "embedding_1": ("Embedding", "two"),
    "flatten": ("Flatten", "embedding"), "flatten_1": ("Flatten", "embedding_1"),
    "multiply": ("Multiply", "flatten", "flatten_1"), "dense": ("Dense", "multiply"),
}  # fmt: skip
MLP = {name: layer for name, layer in GMF.items() if name not in ("multiply", "dense")} | {
    "concatenate": ("Concatenate", "flatten", "flatten_1"), "dense": ("Dense", "concatenate"),
    "dropout": ("Dropout", "dense"), "dense_1": ("Dense", "dropout"), "dense_2": ("Dense", "dense_1"),
}  # fmt: skip
NEUMF = MLP | {
    "embedding_2": ("Embedding", "two"), "embedding_3": ("Embedding", "one"),
    "multiply": ("Multiply", "embedding_2", "embedding_3"), "flatten_2": ("Flatten", "multiply"),
    "concatenate_1": ("Concatenate", "flatten_2", "dense_1"), "dense_2": ("Dense", "concatenate_1"),
}  # fmt: skip
OUTPUTS = {"GMF": "dense", "MLP": "dense_2", "NeuMF": "dense_2"}
MODELS = {"GMF": GMF, "MLP": MLP, "NeuMF": NEUMF}
# By hand.
OURS = {
    "GMF": {"embedding": "user_embedding", "embedding_1": "item_embedding", "dense": "prediction"},
    "MLP": {
        "embedding": "user_embedding", "embedding_1": "item_embedding",
        "dense": "layer1", "dense_1": "layer2", "dense_2": "prediction",
    },
    "NeuMF": {
        "embedding_3": "mf_embedding_user", "embedding_2": "mf_embedding_item",
        "embedding": "mlp_embedding_user", "embedding_1": "mlp_embedding_item",
        "dense": "layer1", "dense_1": "layer2", "dense_2": "prediction",
    },
}  # fmt: skip


SIDES = ("user", "item")


def keras2_call(sources):
    return [[[name, 0, 0, {}] for name in sources]] if sources else []


def keras2_operation(sources):
    """As `a * b` in Keras 2: one tensor in front, the other among the arguments."""
    return [[sources[0], 0, 0, {"y": [sources[1], 0, 0], "name": None}]]


def keras3_call(sources):
    tensors = [
        {"class_name": "__keras_tensor__",
         "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}}
        for name in sources
    ]  # fmt: skip
    return [{"args": [tensors], "kwargs": {"mask": None}}] if sources else []


def configuration(model, output, call=keras2_call, inputs=("one", "two"), **settings):
    """Return the JSON of a model in words; `settings` are those of single layers."""
    layers = [
        {"class_name": kind, "config": {"name": name, **settings.get(name, {})}, "name": name,
         "inbound_nodes": call(sources)}
        for name, (kind, *sources) in model.items()
    ]  # fmt: skip
    ends = {"input_layers": [[name, 0, 0] for name in inputs], "output_layers": [[output, 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": {"name": "m", "layers": layers, **ends}})


def ours(text):
    return names_by_wiring(read_configuration(text))


@pytest.mark.parametrize("call", [keras2_call, keras3_call])
@pytest.mark.parametrize("kind", MODELS)
def test_the_wiring_tells_which_layer_is_which(kind, call):
    assert ours(configuration(MODELS[kind], OUTPUTS[kind], call)) == (OURS[kind], True)


@given(seed=st.integers(0, 2**32))
def test_neither_the_order_of_the_layers_nor_their_names_matter(seed):
    generator = random.Random(seed)
    kind = generator.choice(list(MODELS))
    new = {name: f"{generator.choice('abc')}{number}" for number, name in enumerate(MODELS[kind])}
    layers = [(new[name], (made, *(new[it] for it in of))) for name, (made, *of) in MODELS[kind].items()]
    generator.shuffle(layers)
    text = configuration(dict(layers), new[OUTPUTS[kind]], inputs=[new["one"], new["two"]])
    assert ours(text) == ({new[name]: mine for name, mine in OURS[kind].items()}, True)


def renamed(model, **names):
    return {
        names.get(name, name): (kind, *(names.get(it, it) for it in of)) for name, (kind, *of) in model.items()
    }


def test_names_tell_the_sides_before_the_order_does():
    swapped = {"embedding": "item_embedding", "embedding_1": "user_embedding", "dense": "prediction"}
    for names, inputs in (
        ({"one": "item_id"}, ("item_id", "two")),
        ({"two": "UserId"}, ("one", "UserId")),
        ({"one": "movie_item", "two": "user"}, ("movie_item", "user")),
    ):
        assert ours(configuration(renamed(GMF, **names), "dense", inputs=inputs)) == (swapped, False)
    # The name of a table, too; the order of the inputs may be any then.
    tables = renamed(GMF, embedding="item_table")
    assert ours(configuration(tables, "dense")).names["item_table"] == "item_embedding"
    assert ours(configuration(GMF, "dense", inputs=("two", "one"))) == (swapped, True)


def test_operations_of_keras_2_and_1():
    product = {name: layer for name, layer in GMF.items() if name != "dense"} | {
        "dense": ("Dense", "tf.multiply")
    }
    product["tf.multiply"] = ("TFOpLambda", *product.pop("multiply")[1:])

    def call(sources):
        return keras2_operation(sources) if len(sources) == 2 else keras2_call(sources)

    text = configuration(product, "dense", call, **{"tf.multiply": {"function": "math.multiply"}})
    assert ours(text) == (OURS["GMF"], True)
    text = configuration(product, "dense", call, **{"tf.multiply": {"function": "math.add"}})
    assert ours(text) is None
    merged = GMF | {"multiply": ("Merge", "flatten", "flatten_1")}
    assert ours(configuration(merged, "dense", multiply={"mode": "mul"})) == (OURS["GMF"], True)
    assert ours(configuration(merged, "dense", multiply={"mode": "sum"})) is None


NO_MODEL_OF_OURS = {
    "items first in the tower": (MLP | {"concatenate": ("Concatenate", "flatten_1", "flatten")}, "dense_2"),
    "tower before product": (NEUMF | {"concatenate_1": ("Concatenate", "dense_1", "flatten_2")}, "dense_2"),
    "one table for both": (GMF | {"flatten_1": ("Flatten", "embedding")}, "dense"),
    "both of one input": (GMF | {"embedding_1": ("Embedding", "one")}, "dense"),
    "contradicting names": (renamed(GMF, embedding="item_t", embedding_1="item_u"), "dense"),
    "no dense output": (GMF, "multiply"),
    "normalised in between": (MLP | {"dropout": ("BatchNormalization", "dense")}, "dense_2"),
    "a sum": (GMF | {"multiply": ("Add", "flatten", "flatten_1")}, "dense"),
    "three factors": (GMF | {"multiply": ("Multiply", "flatten", "flatten_1", "flatten")}, "dense"),
    "no tables": (GMF | {"embedding": ("Dense", "one")}, "dense"),
    "a table across": (NEUMF | {"embedding_3": ("Embedding", "two")}, "dense_2"),
    "a shared table": (NEUMF | {"multiply": ("Multiply", "embedding", "embedding_2")}, "dense_2"),
    "in a circle": (GMF | {"flatten": ("Flatten", "flatten")}, "dense"),
    "a circle of layers": (MLP | {"dense": ("Dense", "dense_1")}, "dense_2"),
    "an unknown layer": (GMF | {"flatten": ("Flatten", "elsewhere")}, "dense"),
    "no such output": (GMF, "elsewhere"),
}


@pytest.mark.parametrize("name", NO_MODEL_OF_OURS)
def test_says_nothing_of_other_models(name):
    assert ours(configuration(*NO_MODEL_OF_OURS[name])) is None


@pytest.mark.parametrize(("between", "setting", "is_ours"), [
    ({}, {"dense": "relu", "dense_1": "relu", "dense_2": "sigmoid"}, True),
    ({"dropout": "Activation"}, {"dense": "linear", "dropout": "relu", "dense_2": "linear"}, True),
    ({"dropout": "ReLU"}, {"dense": "linear"}, True),
    ({}, {"dense": "tanh"}, False), ({}, {"dense_1": "linear"}, False), ({}, {"dense_2": "relu"}, False),
    ({}, {"dense": {"class_name": "Function"}}, False), ({}, {"dense": None}, False),
    ({"dropout": "Activation"}, {"dense": "relu", "dropout": "tanh"}, False),
    ({"flatten": "Activation"}, {"flatten": "relu"}, False), ({"flatten": "ReLU"}, {}, False),
])  # fmt: skip
def test_activations_are_those_of_our_layers(between, setting, is_ours):
    """With others the weights would give other scores in our layers, without a word."""
    model = MLP | {name: (kind, *MLP[name][1:]) for name, kind in between.items()}
    text = configuration(model, "dense_2", **{name: {"activation": said} for name, said in setting.items()})
    assert ours(text) == ((OURS["MLP"], True) if is_ours else None)
    bent = configuration(MLP | {"dropout": ("ReLU", "dense")}, "dense_2", dropout={"max_value": 6.0})
    assert ours(bent) is None


def test_says_nothing_of_three_inputs_or_one():
    for inputs in (("one", "two", "three"), ("one",), ("one", "one"), ()):
        assert ours(configuration(GMF, "dense", inputs=inputs)) is None


def test_a_configuration_from_a_stranger_ends_in_time():
    """A long chain of layers, and lists in lists."""
    chain = {f"f{n}": ("Flatten", f"f{n + 1}") for n in range(5_000)}
    assert ours(configuration(GMF | chain | {"dense": ("Dense", "f0")}, "dense")) is None
    deep = "[" * 500 + "]" * 500
    for text in (
        "[]", "{", '{"config": 1}', '{"config": {"layers": [{"class_name": "x"}]}}',
        f'{{"config": {{"layers": [], "input_layers": {deep}}}}}', "[" * 10**5, b"\xff",
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match=r"not JSON|functional"):
            read_configuration(text)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "one", "dense", "Dense"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["config", "keras_history", "args", "name"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(seed=st.integers(0, 2**32), value=anything)
def test_a_damaged_configuration_says_something_or_nothing(seed, value):
    """Any part of it is another value: no error but ours, and only layers that are there get names."""
    document = json.loads(
        configuration(NEUMF, "dense_2", random.Random(seed).choice([keras2_call, keras3_call]))
    )
    generator, part = random.Random(seed), document
    while True:
        key = generator.choice(list(part) if isinstance(part, dict) else range(len(part)))
        if not isinstance(part[key], dict | list) or not part[key] or generator.random() < 0.2:
            break
        part = part[key]
    part[key] = value
    try:
        found = ours(json.dumps(document))
    except ConfigurationError:
        return
    assert found is None or set(found.names) <= set(NEUMF)
    assert found is None or len(set(found.names.values())) == len(found.names)


def unnamed(kind, inputs=(None, None)):
    """Return a model as Keras names it, and its arrays under our names, 6 users and 6 items."""
    keras.backend.clear_session()
    user, item = (keras.Input((1,), dtype="int32", name=name) for name in inputs)
    names = []

    def vectors(width, pattern):
        # The items' table is made first, so its number is lower.
        tables = [keras.layers.Embedding(6, width) for _ in range(2)][::-1]
        names.extend(
            (table.name, pattern.format(side)) for table, side in zip(tables, ("user", "item"), strict=True)
        )
        return [keras.layers.Flatten()(table(ids)) for table, ids in zip(tables, (user, item), strict=True)]

    def dense(width, ours, vector):
        layer = keras.layers.Dense(width, None if ours == "prediction" else "relu")
        names.append((layer.name, ours))
        return layer(vector)

    def tower(pattern):
        return dense(4, "layer1", keras.layers.Concatenate()(vectors(4, pattern)))

    if kind == "GMF":
        top = keras.layers.Multiply()(vectors(4, "{}_embedding"))
    elif kind == "MLP":
        top = tower("{}_embedding")
    else:
        product = keras.layers.Multiply()(vectors(4, "mf_embedding_{}"))
        top = keras.layers.Concatenate()([product, tower("mlp_embedding_{}")])
    model = keras.Model([user, item], dense(1, "prediction", top))
    draw = np.random.default_rng(11)
    model.set_weights([draw.normal(size=weight.shape).astype("f4") for weight in model.weights])
    return model, {mine: tuple(model.get_layer(name).get_weights()) for name, mine in names}


# Of GMF in words.
ARRAYS = {
    "embedding": (np.ones((6, 4), "f4"),), "embedding_1": (np.ones((6, 4), "f4"),),
    "dense": (np.ones((4, 1), "f4"), np.ones(1, "f4")),
}  # fmt: skip


def command_in(sentence):
    return shlex.split(sentence[sentence.index("ncf convert") :])


@pytest.mark.parametrize(("kind", "suffix"), [*((kind, ".keras") for kind in MODELS), ("NeuMF", ".h5")])
def test_the_command_in_the_sentence_works_as_printed(kind, suffix, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    model, expected = unnamed(kind)
    model.save(f"my model{suffix}")
    assert evaluate(["--weights", f"my model{suffix}", "--dataset", "sample"]) == 2
    sentence = capfd.readouterr().err.strip()
    assert "the layers of GMF, MLP or NeuMF. Received: dense, " in sentence
    assert (
        f"are wired as {kind}, 6 users, 6 items" in sentence and "if its first input is the users'" in sentence
    )
    program, name, *arguments = command_in(sentence)
    assert (program, name) == ("ncf", "convert") and convert(arguments) == 0
    assert_equal_bits(read_weight_file("my model.named.h5").layers, expected)


def test_a_sentence_takes_no_first_input_for_the_users_where_names_tell(tmp_path):
    unnamed("GMF", ("user", "item"))[0].save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="4 factors; to name them so: ncf convert"):
        build_model_for(read_weight_file(tmp_path / "m.keras"))


def test_weights_without_wiring_get_a_command_to_fill_in(tmp_path):
    write_keras2(tmp_path / "w.h5", ARRAYS)
    with pytest.raises(InputError, match=r"ncf convert \S+w\.h5 --rename OLD=NEW,… --to OUT$"):
        build_model_for(read_weight_file(tmp_path / "w.h5"))


@pytest.mark.parametrize("padding", [0, 200_000, LARGEST_CONFIGURATION])
def test_a_long_configuration_in_an_attribute(padding, tmp_path):
    """Of a deep model it is longer than any other attribute; of no model is it longer than 4 MiB."""
    write_keras2(tmp_path / "m.h5", ARRAYS, whole=True, text="variable")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.attrs["model_config"] = configuration(GMF, "dense", dense={"note": "x" * padding})
    file = read_weight_file(tmp_path / "m.h5")
    assert file.our_names == (None if padding == LARGEST_CONFIGURATION else (OURS["GMF"], True))
    assert set(file.layers) == set(ARRAYS)


def test_names_that_can_not_be_typed_get_no_command(tmp_path):
    odd = renamed(GMF, dense="den,se", embedding="e\nmbedding")
    arrays = {"den,se": (np.ones((4, 1), "f4"), np.ones(1, "f4")), "e\nmbedding": (np.ones((6, 4), "f4"),),
              "embedding_1": (np.ones((6, 4), "f4"),)}  # fmt: skip
    write_keras2(tmp_path / "m.h5", arrays, whole=True)
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.attrs["model_config"] = configuration(odd, "den,se")
    with pytest.raises(InputError) as caught:
        build_model_for(read_weight_file(tmp_path / "m.h5"))
    assert re.search("OLD=NEW", str(caught.value))
