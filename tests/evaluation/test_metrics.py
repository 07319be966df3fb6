import math

import numpy as np
import pandas as pd
import pytest
import pytrec_eval

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import (
    METRICS,
    FullRanking,
    LeaveOneOut,
    Rankings,
    hit_ratio,
    ndcg,
    ranking_metrics,
)

TOP_KS = (1, 2, 5, 10, 30, 40)
LISTED = 30
POSITIONS = np.array([0, 1, 2, 6, 9, 10, 99])


def test_hits_and_gains_by_hand():
    hits = hit_ratio(POSITIONS, 10)
    assert hits.tolist() == [1, 1, 1, 1, 1, 0, 0] and hits.dtype == np.float64
    gains = ndcg(POSITIONS, 10)
    assert gains.dtype == np.float64
    # 1 / log2(position + 2): 1 / 1, 1 / log2(3), 1 / 2, 1 / 3, 1 / log2(11).
    assert gains == pytest.approx([1, 0.6309297536, 0.5, 1 / 3, 0.2890648263, 0, 0], abs=1e-9)
    # To the last bit those of the authors.
    authors = [math.log(2) / math.log(position + 2) for position in range(100)]
    np.testing.assert_array_equal(ndcg(np.arange(100), 100), authors)
    # Positions are kept in the smallest type that holds them.
    np.testing.assert_array_equal(ndcg(np.array([0, 1, 255], np.uint8), 300)[:2], authors[:2])


def rankings_of(lists):
    counts = [len(positions) for positions in lists]
    return Rankings(np.arange(len(lists), dtype=np.int32), np.cumsum([0, *counts]), np.concatenate(lists))


def trec_eval(lists, top_k):
    """Return our metrics as NIST's trec_eval computes them, from scores and judgements of every item.

    Its average precision is by the number of all relevant items, ours by how many of them the list can hold.
    Its reciprocal rank knows no K, so it gets the first K items only.
    """
    judged = {str(number): {f"d{at}": 1 for at in positions} for number, positions in enumerate(lists)}
    scored = {name: {f"d{at}": float(-at) for at in range(LISTED)} for name in judged}
    cut = {name: dict(list(items.items())[:top_k]) for name, items in scored.items()}
    measures = {f"{measure}.{top_k}" for measure in ("success", "ndcg_cut", "map_cut", "recall")}
    at_k = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(scored)
    first = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate(cut)
    found: dict[str, list] = {f"{metric}@{top_k}": [] for metric in METRICS}
    for name, theirs in at_k.items():
        count = len(judged[name])
        found[f"HR@{top_k}"].append(theirs[f"success_{top_k}"])
        found[f"NDCG@{top_k}"].append(theirs[f"ndcg_cut_{top_k}"])
        found[f"MRR@{top_k}"].append(first[name]["recip_rank"])
        found[f"MAP@{top_k}"].append(theirs[f"map_cut_{top_k}"] * count / min(count, top_k))
        found[f"recall@{top_k}"].append(theirs[f"recall_{top_k}"])
    return found


@pytest.mark.parametrize("most_relevant", [1, 3, LISTED])
def test_metrics_are_those_of_trec_eval(generator, most_relevant):
    numbers = generator.integers(1, most_relevant + 1, 200)
    lists = [np.sort(generator.choice(LISTED, number, replace=False)) for number in numbers]
    ours = ranking_metrics(rankings_of(lists), TOP_KS)
    assert list(ours) == [f"{metric}@{top_k}" for top_k in TOP_KS for metric in METRICS]
    for top_k in TOP_KS:
        for name, theirs in trec_eval(lists, top_k).items():
            np.testing.assert_allclose(ours[name], theirs, rtol=1e-12, atol=0, err_msg=name)
            assert ours[name].dtype == np.float64


def test_a_users_several_rankings_are_averaged_first(generator):
    """In both protocols the figures are those of trec_eval, list by list, and means by pandas."""
    users, items = np.array([5, 2, 5, 5, 9, 2]), np.array([0, 1, 2, 3, 4, 5])
    scores = generator.random((10, 36)).astype(np.float32)
    negatives = np.tile(np.arange(6, 36), (6, 1))
    sampled = LeaveOneOut(users, items, negatives).rankings(lambda users, items: scores[users, items])
    lists = [[np.count_nonzero(scores[u, 6:] > scores[u, i])] for u, i in zip(users, items, strict=True)]
    full = FullRanking(np.zeros(11, int), np.zeros(0, int), users, items, 36).rankings(
        lambda some: scores[some]
    )
    places = [np.argsort(np.argsort(-scores[user])) for user in (2, 5, 9)]
    whole = [np.sort(place[own]) for place, own in zip(places, ([1, 5], [0, 2, 3], [4]), strict=True)]
    assert sampled.distinct_users.tolist() == [5, 2, 9] and full.distinct_users.tolist() == [2, 5, 9]
    for top_k in (1, 3, 10):
        ours = ranking_metrics(sampled, (top_k,))
        for name, theirs in trec_eval(lists, top_k).items():
            means = pd.Series(theirs).groupby(users, sort=False).mean()
            np.testing.assert_allclose(ours[name], means, rtol=1e-12, err_msg=name)
        ours = ranking_metrics(full, (top_k,))
        for name, theirs in trec_eval(whole, top_k).items():
            np.testing.assert_allclose(ours[name], theirs, rtol=1e-12, err_msg=name)


def test_wrong_lengths_and_rankings_without_a_relevant_item_are_refused():
    for top_ks in ((), (0,), (10, -1)):
        with pytest.raises(InputError, match=r"`top_ks` must be one or more lengths .*Received: \["):
            ranking_metrics(rankings_of([np.array([0])]), top_ks)
    lengths, empty = "`offsets` must have one entry more", "must have at least one, each with a relevant"
    for users, offsets, positions, rule in (
        ([0], [0, 1, 2], [3, 4], lengths), ([0, 1], [0, 1, 2], [3], lengths),
        ([], [0], [], empty), ([0, 1], [0, 0, 1], [3], empty),
    ):  # fmt: skip
        with pytest.raises(InputError, match=rule):
            Rankings(np.array(users), np.array(offsets), np.array(positions))
