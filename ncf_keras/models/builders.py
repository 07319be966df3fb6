"""The models of the paper, each built by one function.

Every builder returns a functional model from `user_input` and `item_input`, int32 of shape (batch, 1), to
`prediction`, float32 of shape (batch, 1): a probability, but for MF. All of them take

- `num_users` and `num_items`: the rows of the embeddings,
- penalties: L2, lambda * sum(w ** 2) over a whole table or kernel, without 1/2,
- `activation` of hidden layers: `relu`, `linear`, `tanh` or `sigmoid`,
- `seed` of the initial weights; None draws fresh ones,

GMF, MLP and NeuMF also take what is known of users and items besides who they are (section 3.1):

- `user_features` and `item_features`: zeros and ones, shape (num_users, features) and (num_items, features),
  sparse or not. A vector is then the embedding of the identity plus the sum of those of the row's features,
- `identity`: of which sides the identities have an embedding: `both`, `user`, `item` or `none`,
- `identity_dropout`: the share of the examples of training whose identities are left out, from 0 to below 1,
- `recent`: how many of the items that the user chose last are part of the user's vector (`recent.py`); 0: none.
  The model then has a third input, `recent_input`, int32 of shape (batch, recent): the items before the
  example, the newest first, and -1 where there is none; or -2 in the first place for those that
  `tell_recent_items` told of,

and raise InputError where an argument breaks its rule.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from ncf_keras.base.checks import require_count
from ncf_keras.models.checks import require_activation, require_layers, require_penalties
from ncf_keras.models.described import Described, Tower
from ncf_keras.models.parts import id_inputs, l2, latent_vectors, prediction, seeds, tower, weight_dtype
from ncf_keras.models.row_penalty import RowPenalty


def build_gmf(
    num_users: int,
    num_items: int,
    num_factors: int = 8,
    regs: Sequence[float] = (0, 0),
    *,
    user_features: Any = None,
    item_features: Any = None,
    identity: str = "both",
    identity_dropout: float = 0,
    recent: int = 0,
    seed: int | None = None,
) -> keras.Model:
    """Build GMF of section 3.2: sigmoid(h . (p_u * q_i) + b), equation 9 with the authors' bias.

    `num_factors` is the width of `user_embedding` and `item_embedding`, which `regs` penalise.

    Source: `get_model` in the authors' GMF.py.
    """
    _require_counts(num_users=num_users, num_items=num_items)
    known = (user_features, item_features, identity, identity_dropout, recent)
    described = Described.of((num_users, num_items), *known)
    inputs, product, draw = _product(described, num_factors, regs, seed)
    return keras.Model(inputs, prediction(product, next(draw)), name="GMF")


def build_mf(
    num_users: int,
    num_items: int,
    num_factors: int = 8,
    regs: Sequence[float] = (0, 0),
    *,
    seed: int | None = None,
) -> keras.Model:
    """Build MF: p_u . q_i of equation 2, which is equation 9 with an identity output and h fixed to ones.

    Its output is any number, no probability: train it with a squared or a pairwise loss. The kernel of
    `prediction` is not trained. The arguments are those of `build_gmf`.
    """
    _require_counts(num_users=num_users, num_items=num_items)
    inputs, product, _ = _product(Described.of((num_users, num_items)), num_factors, regs, seed)
    output = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", trainable=False, dtype=weight_dtype(), name="prediction"
    )
    return keras.Model(inputs, output(product), name="MF")


def _product(
    described: Described, num_factors: int, regs: Sequence[float], seed: int | None
) -> tuple[list[keras.KerasTensor], keras.KerasTensor, Iterator[int]]:
    """Return the inputs, p_u * q_i, and the seeds for what follows."""
    _require_counts(num_factors=num_factors)
    require_penalties(regs, 2, "regs", "the two embeddings")
    inputs, draw = described.inputs(), seeds(seed)
    (vectors,) = described.vectors(inputs, [Tower(num_factors, regs)], draw)
    return inputs, keras.layers.Multiply()(vectors), draw


def build_mlp(
    num_users: int,
    num_items: int,
    layers: Sequence[int] = (20, 10),
    reg_layers: Sequence[float] = (0, 0),
    *,
    activation: str = "relu",
    reg_rows: float = 0,
    user_features: Any = None,
    item_features: Any = None,
    identity: str = "both",
    identity_dropout: float = 0,
    recent: int = 0,
    seed: int | None = None,
) -> keras.Model:
    """Build the MLP of section 3.3, equation 10: a tower of layers over [p_u, q_i], then a sigmoid.

    Args:
        num_users, num_items: rows of `user_embedding` and `item_embedding`.
        layers: `layers[0]` is the width of the concatenated embeddings, half for each side, and makes no
            layer; the others are the widths of `layer1`, `layer2`, …. One entry makes MLP-0.
        reg_layers: penalties; the first of both embeddings, the others of the kernels.
        activation: of the hidden layers.
        reg_rows: penalty of the vectors of each example, `reg_rows * (|p_u|^2 + |q_i|^2)`, the mean over a
            batch; not in the authors' code, whose penalties are of whole tables.
        user_features, item_features, identity, identity_dropout, recent, seed: see above.

    Source: `get_model` in the authors' MLP.py.
    """
    _require_counts(num_users=num_users, num_items=num_items)
    require_layers(layers)
    require_penalties(reg_layers, len(layers), "reg_layers", "`layers`")
    require_activation(activation)
    require_penalties([reg_rows], 1, "reg_rows", "the embedding rows")
    known = (user_features, item_features, identity, identity_dropout, recent)
    described = Described.of((num_users, num_items), *known)
    inputs, draw = described.inputs(), seeds(seed)
    (vectors,) = described.vectors(inputs, [Tower(layers[0] // 2, [reg_layers[0]] * 2)], draw)
    if reg_rows:
        dtype = weight_dtype()
        vectors = [RowPenalty(reg_rows, dtype=dtype)(vector) for vector in vectors]
    top = tower(vectors[0], vectors[1], layers, reg_layers, draw, activation)
    return keras.Model(inputs, prediction(top, next(draw)), name="MLP")


def mlp_layers(num_factors: int, hidden_layers: int) -> tuple[int, ...]:
    """Return the `layers` of the paper's MLP-0 to MLP-4 (section 4.4): each half as wide as the one before.

    For MLP-3, the MLP of three hidden layers, with 8 factors they are (64, 32, 16, 8): `num_factors` is the
    width of the last; of MLP-0, which has no hidden layer, that of the concatenated embeddings.
    """
    require_count(num_factors, "num_factors")
    require_count(hidden_layers, "hidden_layers", 0)
    return tuple(int(num_factors) * 2**depth for depth in range(hidden_layers, -1, -1))


def build_neumf(
    num_users: int,
    num_items: int,
    mf_dim: int = 10,
    layers: Sequence[int] = (10,),
    reg_layers: Sequence[float] = (0,),
    reg_mf: float = 0,
    *,
    activation: str = "relu",
    user_features: Any = None,
    item_features: Any = None,
    identity: str = "both",
    identity_dropout: float = 0,
    recent: int = 0,
    seed: int | None = None,
) -> keras.Model:
    """Build NeuMF of section 3.4, equation 12: GMF and MLP on embeddings of their own, then joined.

    Args:
        num_users, num_items: rows of `mf_embedding_user` and `mlp_embedding_user`, and of those of the items.
        mf_dim: width of the GMF embeddings.
        layers: as in `build_mlp`.
        reg_layers: as in `build_mlp`; they do not touch the GMF embeddings.
        reg_mf: penalty of both GMF embeddings.
        activation: of the hidden layers.
        user_features, item_features, identity, identity_dropout, recent, seed: see above.

    Source: `get_model` in the authors' NeuMF.py.
    """
    _require_counts(num_users=num_users, num_items=num_items, mf_dim=mf_dim)
    require_layers(layers)
    require_penalties(reg_layers, len(layers), "reg_layers", "`layers`")
    require_penalties([reg_mf], 1, "reg_mf", "the GMF part")
    require_activation(activation)
    known = (user_features, item_features, identity, identity_dropout, recent)
    described = Described.of((num_users, num_items), *known)
    inputs, draw = described.inputs(), seeds(seed)
    towers = [
        Tower(mf_dim, [reg_mf] * 2, "mf_embedding_{}"),
        Tower(layers[0] // 2, [reg_layers[0]] * 2, "mlp_embedding_{}"),
    ]
    mf_vectors, mlp_vectors = described.vectors(inputs, towers, draw)
    product = keras.layers.Multiply()(mf_vectors)
    top = tower(mlp_vectors[0], mlp_vectors[1], layers, reg_layers, draw, activation)
    joined = keras.layers.Concatenate()([product, top])
    return keras.Model(inputs, prediction(joined, next(draw)), name="NeuMF")


def build_shared_fusion(
    num_users: int,
    num_items: int,
    num_factors: int = 8,
    regs: Sequence[float] = (0, 0, 0),
    *,
    activation: str = "relu",
    seed: int | None = None,
) -> keras.Model:
    """Build sigmoid(h . a(p_u * q_i + W [p_u, q_i] + b)): GMF and MLP on the same embeddings, equation 11.

    Its output has a bias, as that of NeuMF, which improves on it. `num_factors` is the width of both embeddings
    and of `layer1`, which is W and b; `regs` penalise the embeddings and the kernel; `activation` is a.
    """
    _require_counts(num_users=num_users, num_items=num_items, num_factors=num_factors)
    require_penalties(regs, 3, "regs", "the two embeddings and the layer")
    require_activation(activation)
    inputs, draw = id_inputs(), seeds(seed)
    vectors = latent_vectors(inputs, (num_users, num_items), num_factors, regs[:2], draw)
    product = keras.layers.Multiply()(vectors)
    linear = keras.layers.Dense(
        int(num_factors),
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(draw)),
        kernel_regularizer=l2(regs[2]),
        name="layer1",
    )(keras.layers.Concatenate()(vectors))
    hidden = keras.layers.Activation(activation)(keras.layers.Add()([product, linear]))
    return keras.Model(inputs, prediction(hidden, next(draw)), name="SharedFusion")


def _require_counts(**counts: int) -> None:
    """Raise InputError unless each argument is a whole number of at least 1."""
    for name, value in counts.items():
        require_count(value, name)
