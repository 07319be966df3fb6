"""Cells of columns of features as codes, computed in a graph from texts as they stand in a CSV file.

The rules are those of `data/feature_encoding.py`, which Python encodes by: a category that is not known has no
code; a missing value, and what is no number or date, has the code of missing values, if the column has one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_kinds import A_NUMBER, CATEGORIES, ISO8601, MOST_WORDS, NUMBER, TEXT
from ncf_keras.data.features import Features
from ncf_keras.data.word_hash import LONGEST_WORD, SHIFT, multipliers
from ncf_keras.serving.graph_dates import seconds_of
from ncf_keras.serving.names import IdTable

# What Python strips from the ends of a text.
SPACE = r"[\t-\r\x1c-\x1f\x{85}\p{Z}]"
AROUND = f"^{SPACE}+|{SPACE}+$"
NO_WORD = r"[^\p{L}\p{N}]+"


class Pairs(NamedTuple):
    """Which rows have which features.

    Attributes:
        rows: int64, shape (pairs,).
        codes: int64, shape (pairs,), a feature's number from 0 on; no pair twice.
        count: int64 scalar: how many rows there are.
        known: bool, shape (rows,): whether a row has another feature than missing values.
    """

    rows: Tensor
    codes: Tensor
    count: Tensor
    known: Tensor

    def sums(self, table: Tensor) -> Tensor:
        """Return the sum of the rows of a table that the features of each row stand for: (rows, width)."""
        return tf.math.unsorted_segment_sum(tf.gather(table, self.codes), self.rows, self.count)


class GraphEncoder:
    """Encodes rows in a graph. It has tables, which an archive must track; make it outside of what is traced.

    Args:
        features: of the users or the items of a dataset.
        num_features: how many the model has; those behind are unknown to it.
        side: `user` or `item`, to tell the tables of an export apart.

    Attributes:
        tables: of the names of categories.
    """

    def __init__(self, features: Features, num_features: int, side: str):
        self._num_features = num_features
        self._columns: list[tuple[Encoding, int]] = []
        self.tables: list[IdTable] = []
        start = 0
        for place, column in enumerate(features.values()):
            self._columns.append((column.encoding, start))
            start += len(column.categories)
            if column.kind == CATEGORIES:
                self.tables.append(IdTable(column.categories, f"{side}_feature_{place}"))

    def encode(self, *cells: Tensor) -> Pairs:
        """Return the features of rows: a tensor of strings, shape (rows,), for each column."""
        count = tf.shape(cells[0], tf.int64)[0]
        known = tf.zeros(count[None], tf.bool)
        tables, rows, codes = iter(self.tables), [], []
        for (encoding, start), texts in zip(self._columns, cells, strict=True):
            # An error where columns are of several lengths.
            texts = tf.strings.regex_replace(tf.reshape(texts, count[None]), AROUND, "")
            of_rows, found, lacks = _column(encoding, texts, tables)
            seen = start + found < self._num_features
            of_rows, found = tf.boolean_mask(of_rows, seen), tf.boolean_mask(found, seen)
            is_missing = (
                tf.zeros_like(found, tf.bool) if encoding.missing is None else found == encoding.missing
            )
            says = tf.boolean_mask(of_rows, ~is_missing)
            known |= tf.math.unsorted_segment_max(tf.ones_like(says, tf.int32), says, count) > 0
            rows.append(of_rows)
            codes.append(found + start)
            if encoding.missing is not None and encoding.missing + start < self._num_features:
                lacking = tf.where(lacks)[:, 0]
                rows.append(lacking)
                codes.append(tf.fill(tf.shape(lacking), tf.constant(encoding.missing + start, tf.int64)))
        # A category may stand in a cell twice.
        pairs, _ = tf.unique(tf.concat(rows, 0) * self._num_features + tf.concat(codes, 0))
        return Pairs(pairs // self._num_features, pairs % self._num_features, count, known)


def _column(encoding: Encoding, texts: Tensor, tables: Iterator[IdTable]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows and codes of what the texts of a column say, int64, and which rows lack a value."""
    if encoding.kind == CATEGORIES:
        return _categories(texts, next(tables))
    if encoding.kind == TEXT:
        return _words(texts, encoding.num_buckets)
    values = (
        numbers_of(texts) if encoding.kind == NUMBER else seconds_of(texts, encoding.time_format or ISO8601)
    )
    lacks = tf.math.is_nan(values)
    there = tf.where(~lacks)[:, 0]
    edges = tf.constant(encoding.edges, tf.float64)
    return there, tf.searchsorted(edges, tf.gather(values, there), "right", tf.int64), lacks


def _categories(texts: Tensor, table: IdTable) -> tuple[Tensor, Tensor, Tensor]:
    parts = tf.strings.split(texts, "|")
    rows, names = parts.value_rowids(), tf.strings.regex_replace(parts.flat_values, AROUND, "")
    rows, names = tf.boolean_mask(rows, names != ""), tf.boolean_mask(names, names != "")
    found = tf.cast(table.find(names), tf.int64)
    lacks = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, tf.size(texts)) == 0
    return tf.boolean_mask(rows, found >= 0), tf.boolean_mask(found, found >= 0), lacks


def _words(texts: Tensor, buckets: int) -> tuple[Tensor, Tensor, Tensor]:
    lower = tf.strings.regex_replace(tf.strings.lower(texts, "utf-8"), "ς", "σ")
    words = tf.strings.split(tf.strings.regex_replace(lower, NO_WORD, " "))
    rows = words.value_rowids()
    lacks = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, tf.size(texts)) == 0
    # Of each row the first different ones, in their order.
    keys, places = tf.unique(tf.strings.join([tf.strings.as_string(rows), words.flat_values], " "))
    first = tf.math.unsorted_segment_min(tf.range(tf.size(places)), places, tf.size(keys))
    rows, different = tf.gather(rows, first), tf.gather(words.flat_values, first)
    starts = tf.searchsorted(rows, rows, "left", tf.int64)
    kept = tf.range(tf.size(rows, tf.int64)) - starts < MOST_WORDS
    return tf.boolean_mask(rows, kept), word_buckets(tf.boolean_mask(different, kept), buckets), lacks


def numbers_of(texts: Tensor) -> Tensor:
    """Return the numbers in texts without space around them: float64, NaN where there is no finite one."""
    are_numbers = tf.strings.regex_full_match(texts, A_NUMBER.pattern)
    numbers = tf.strings.to_number(tf.where(are_numbers, texts, "0"), tf.float64)
    return tf.where(are_numbers & tf.math.is_finite(numbers), numbers, float("nan"))


def word_buckets(words: Tensor, buckets: int) -> Tensor:
    """Return the bucket of each word as `data/word_hash.py` has it: int64."""
    letters = tf.cast(tf.io.decode_raw(words, tf.uint8, fixed_length=LONGEST_WORD), tf.int64) + 1
    inside = tf.sequence_mask(tf.minimum(tf.strings.length(words), LONGEST_WORD), LONGEST_WORD, tf.int64)
    hashes = tf.reduce_sum(letters * inside * tf.constant(multipliers()), axis=1)
    high = tf.bitwise.right_shift(tf.bitcast(hashes, tf.uint64), tf.constant(SHIFT, tf.uint64))
    return tf.cast(high, tf.int64) % buckets
