"""A served model made by hand: its signatures answer from tables, so that every answer is known."""

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

USER_IDS = [b"ann", "zoé".encode(), b"\xff\xfe", b"d"]
ITEM_IDS = [b"i0", "père".encode(), b"i\xff2", b"i3", b"i4"]
TITLES = ["Amélie".encode(), b'He said "no"', b"", "千と千尋".encode(), b"Tab\there"]
# A tie for user 0; tiny, great and negative scores for user 1.
SCORES = np.array(
    [[0.5, 0.75, 0.75, 0.25, 0.125], [-1.5, 1e-7, 0.1, 123456.789, -0.0],
     [0.1, 0.2, 0.3, 0.4, 0.6], [0.9, 0.8, 0.7, 0.6, 0.5]], np.float32,
)  # fmt: skip
# By user, or by item: (items, scores, known). Who is not there is unknown, as -1 is.
POPULAR = ([4, 0, 1, 2, 3], [0.75, 0.5, 0.5, 0.5, 0.25], False)
LISTS = {
    0: ([1, 2, 0, 3, 4], [0.75, 0.75, 0.5, 0.25, 0.125], True),
    1: ([2, 1, 4, 0, -1], [0.1, 1e-7, -0.0, -1.5, -1.0], True),
    2: ([3, -1, -1, -1, -1], [0.4, -1, -1, -1, -1], True),
    3: ([-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1], True),
    9: POPULAR,
    -1: POPULAR,
}
SIMILAR = {
    0: ([1, 2, 3, 4, -1], [0.9, 0.8, 0.7, 0.6, -1], True),
    2: ([0, 4, 3, 1, -1], [0.8, 0.3, 0.2, 0.1, -1], True),
    -1: ([-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1], False),
}
# By signature: inputs and outputs, each a name with its dtype; `k` may be of any shape.
SCORED = ("user_input:int32 item_input:int32", "prediction:float32")
BY_INDEX, BY_ID = (
    "items:int32 scores:float32 known:bool",
    "item_ids:string titles:string scores:float32 known:bool",
)
SIGNATURES = {
    "serving_default": SCORED,
    "score": SCORED,
    "recommend": ("user_input:int32 k:int32", BY_INDEX),
    "similar_items": ("item_input:int32 k:int32", BY_INDEX),
    "recommend_by_id": ("user_id:string k:int32", BY_ID),
    "similar_items_by_id": ("item_id:string k:int32", BY_ID),
}


def described(tensors):
    sizes = {"prediction": 1, "known": 1, "k": None}
    return {
        name: TensorInfo(
            dtype=tf.as_dtype(dtype).as_datatype_enum,
            tensor_shape=tf.TensorShape(None if name == "k" else [None] * sizes.get(name, rank)).as_proto(),
        )
        for names, rank in zip(tensors, (1, 2), strict=True)
        for name, dtype in [one.split(":") for one in names.split()]
    }


class Tables:
    """The signatures of docs/serving.md over the tables; what is asked for by ids is left out on demand."""

    def __init__(self, with_ids=True):
        self.signature_defs = {
            name: SignatureDef(inputs=described((inputs, "")), outputs=described(("", outputs)))
            for name, (inputs, outputs) in SIGNATURES.items()
            if with_ids or not name.endswith("_by_id")
        }

    def run(self, signature, tensors):
        if "prediction" in self.signature_defs[signature].outputs:
            pairs = zip(tensors["user_input"], tensors["item_input"], strict=True)
            found = [SCORES[user, item] if 0 <= user < 4 and 0 <= item < 5 else np.nan for user, item in pairs]
            return {"prediction": np.array(found, np.float32)}
        (about,) = (array for name, array in tensors.items() if name != "k")
        lists, ids = (LISTS, USER_IDS) if signature.startswith("recommend") else (SIMILAR, ITEM_IDS)
        if signature.endswith("_by_id"):
            about = [ids.index(one) if one in ids else -1 for one in about]
        items, scores, known = map(np.array, zip(*(lists.get(one, lists[-1]) for one in about), strict=True))
        width = min(max(tensors["k"]), len(ITEM_IDS))
        kept = np.arange(width) < tensors["k"][:, None]
        items, scores = np.where(kept, items[:, :width], -1), np.where(kept, scores[:, :width], -1)
        if signature.endswith("_by_id"):
            named = {name: np.array([*texts, b""], object)[items] for name, texts in
                     {"item_ids": ITEM_IDS, "titles": TITLES}.items()}  # fmt: skip
        else:
            named = {"items": items.astype(np.int32)}
        return {**named, "scores": scores.astype(np.float32), "known": known}
