"""A SavedModel with the signatures of an export, made by hand from tables, so that every answer is known."""

import numpy as np
import tensorflow as tf

USER_IDS = [b"ann", "zoé".encode(), b"\xff\xfe", b"d"]
ITEM_IDS = [b"i0", "père".encode(), b"i\xff2", b"i3", b"i4"]
TITLES = ["Amélie".encode(), b'He said "no"', b"", "千と千尋".encode(), b"Tab\there"]
# A tie for user 0; tiny, great and negative scores for user 1.
SCORES = np.array(
    [
        [0.5, 0.75, 0.75, 0.25, 0.125],
        [-1.5, 1e-7, 0.1, 123456.789, -0.0],
        [0.1, 0.2, 0.3, 0.4, 0.6],
        [0.9, 0.8, 0.7, 0.6, 0.5],
    ],
    np.float32,
)
SEEN = np.array([[0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [1, 1, 1, 0, 1], [1, 1, 1, 1, 1]], bool)
POPULARITY = np.array([0.5, 0.5, 0.5, 0.25, 0.75], np.float32)
SIMILARITY = np.array(
    [
        [1, 0.9, 0.8, 0.7, 0.6],
        [0.9, 1, 0.1, 0.1, 0.1],
        [0.8, 0.1, 1, 0.2, 0.3],
        [0.7, 0.1, 0.2, 1, 0.4],
        [0.6, 0.1, 0.3, 0.4, 1],
    ],
    np.float32,
)

# What recommend(user) must answer with all five items asked for, by hand: (items, scores, known).
LISTS = {
    0: ([1, 2, 0, 3, 4], [0.75, 0.75, 0.5, 0.25, 0.125], True),
    1: ([2, 1, 4, 0, -1], [0.1, 1e-7, -0.0, -1.5, -1.0], True),
    2: ([3, -1, -1, -1, -1], [0.4, -1, -1, -1, -1], True),
    3: ([-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1], True),
    9: ([4, 0, 1, 2, 3], [0.75, 0.5, 0.5, 0.5, 0.25], False),
    -1: ([4, 0, 1, 2, 3], [0.75, 0.5, 0.5, 0.5, 0.25], False),
}
SIMILAR = {
    0: ([1, 2, 3, 4, -1], [0.9, 0.8, 0.7, 0.6, -1], True),
    2: ([0, 4, 3, 1, -1], [0.8, 0.3, 0.2, 0.1, -1], True),
    5: ([-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1], False),
}

INDEX = tf.TensorSpec([None], tf.int32)
TEXT = tf.TensorSpec([None], tf.string)
K = tf.TensorSpec(None, tf.int32, "k")


def named(spec, name):
    return tf.TensorSpec(spec.shape, spec.dtype, name)


class Tables(tf.Module):
    """The signatures of /docs/serving.md over constant tables."""

    @tf.function(input_signature=[named(INDEX, "user_input"), named(INDEX, "item_input")])
    def score(self, user_input, item_input):
        users, known_user = self.lookup(user_input, len(SCORES))
        items, known_item = self.lookup(item_input, len(SCORES[0]))
        scores = tf.gather_nd(tf.constant(SCORES), tf.stack([users, items], 1))
        return {"prediction": tf.where(known_user & known_item, scores, np.nan)}

    @tf.function(input_signature=[named(INDEX, "user_input"), K])
    def recommend(self, user_input, k):
        users, known = self.lookup(user_input, len(SCORES))
        unseen = tf.gather(tf.constant(np.where(SEEN, -np.inf, SCORES)), users)
        return self.ranked(tf.where(known[:, None], unseen, POPULARITY), known, k)

    @tf.function(input_signature=[named(INDEX, "item_input"), K])
    def similar_items(self, item_input, k):
        items, known = self.lookup(item_input, len(SIMILARITY))
        others = np.where(np.eye(len(SIMILARITY), dtype=bool), -np.inf, SIMILARITY).astype(np.float32)
        return self.ranked(tf.where(known[:, None], tf.gather(others, items), -np.inf), known, k)

    @tf.function(input_signature=[named(TEXT, "user_id"), K])
    def recommend_by_id(self, user_id, k):
        return self.with_names(self.recommend(self.index(user_id, USER_IDS), k))

    @tf.function(input_signature=[named(TEXT, "item_id"), K])
    def similar_items_by_id(self, item_id, k):
        return self.with_names(self.similar_items(self.index(item_id, ITEM_IDS), k))

    def lookup(self, indices, size):
        known = (indices >= 0) & (indices < size)
        return tf.where(known, indices, 0), known

    def index(self, ids, all_ids):
        same = ids[:, None] == tf.constant(all_ids)[None, :]
        return tf.where(tf.reduce_any(same, 1), tf.argmax(tf.cast(same, tf.int32), 1, tf.int32), -1)

    def ranked(self, scores, known, k):
        width = tf.clip_by_value(tf.reduce_max(k), 0, tf.shape(scores)[1])
        best, items = tf.math.top_k(scores, width)
        within = tf.range(width)[None, :] < tf.reshape(k, [-1, 1])
        filled = within & tf.math.is_finite(best)
        return {"items": tf.where(filled, items, -1), "scores": tf.where(filled, best, -1.0), "known": known}

    def with_names(self, lists):
        places = lists["items"] + 1
        return {
            "item_ids": tf.gather(tf.constant([b"", *ITEM_IDS]), places),
            "titles": tf.gather(tf.constant([b"", *TITLES]), places),
            "scores": lists["scores"],
            "known": lists["known"],
        }


def write_small_export(directory, with_ids=True):
    """Write the SavedModel into `directory`, whose name should be a version's number."""
    tables = Tables()
    names = ["score", "recommend", "similar_items"]
    if with_ids:
        names += ["recommend_by_id", "similar_items_by_id"]
    signatures = {name: getattr(tables, name) for name in names}
    tf.saved_model.save(tables, str(directory), {"serving_default": tables.score, **signatures})
    return directory
