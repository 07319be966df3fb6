"""The figures that others published: the paper's tables 2 to 4, and what later work got on the same split."""

from typing import NamedTuple

from reproduction.runs import NetworkRun, Run

MISS = 0.012

# What the paper calls the datasets, and how ours differ from its.
TITLES = {"ml-1m": "MovieLens", "pinterest-20": "Pinterest", "pinterest-37k": "Pinterest"}
DIFFERENCES = {
    "ml-1m": (
        "The authors' own split and test negatives. It holds 994,169 train and 6,040 test interactions, all "
        "1,000,209 that table 1 of the paper counts."
    ),
    "pinterest-37k": (
        "**This is not the paper's data**: it has the first 37,501 of the paper's 55,187 users, 9,836 of its "
        "9,916 items, and test negatives that were drawn anew. So the differences from the paper's figures "
        "below mix those of the data with those of the models; our own runs can be compared with each other. "
        "These three files can't be downloaded; `run/download.py pinterest-20` fetches the whole."
    ),
    "sample": "Synthetic data without figures in the paper: this shows that everything runs, nothing else.",
}

# Table 1: interactions, items, users, sparsity in percent.
STATISTICS = {"MovieLens": (1_000_209, 3_706, 6_040, 95.53), "Pinterest": (1_500_809, 9_916, 55_187, 99.73)}

# Table 2: (HR@10, NDCG@10) with and without pre-training, by factors.
NEUMF = {
    "MovieLens": {
        8: ((0.684, 0.403), (0.688, 0.410)),
        16: ((0.707, 0.426), (0.696, 0.420)),
        32: ((0.726, 0.445), (0.701, 0.425)),
        64: ((0.730, 0.447), (0.705, 0.426)),
    },
    "Pinterest": {
        8: ((0.878, 0.555), (0.869, 0.546)),
        16: ((0.880, 0.558), (0.871, 0.547)),
        32: ((0.879, 0.555), (0.870, 0.549)),
        64: ((0.877, 0.552), (0.872, 0.551)),
    },
}

# Tables 3 and 4: HR@10 and NDCG@10 of MLP-0 to MLP-4, by factors.
MLP = {
    "MovieLens": {
        8: ((0.452, 0.628, 0.655, 0.671, 0.678), (0.253, 0.359, 0.383, 0.399, 0.406)),
        16: ((0.454, 0.663, 0.674, 0.684, 0.690), (0.252, 0.391, 0.402, 0.410, 0.415)),
        32: ((0.453, 0.682, 0.687, 0.692, 0.699), (0.252, 0.406, 0.410, 0.425, 0.423)),
        64: ((0.453, 0.687, 0.696, 0.702, 0.707), (0.251, 0.409, 0.417, 0.426, 0.432)),
    },
    "Pinterest": {
        8: ((0.275, 0.848, 0.855, 0.859, 0.862), (0.141, 0.526, 0.534, 0.536, 0.539)),
        16: ((0.274, 0.855, 0.861, 0.865, 0.867), (0.141, 0.532, 0.536, 0.538, 0.544)),
        32: ((0.273, 0.861, 0.863, 0.868, 0.867), (0.142, 0.537, 0.538, 0.542, 0.546)),
        64: ((0.274, 0.864, 0.867, 0.869, 0.873), (0.141, 0.538, 0.542, 0.545, 0.550)),
    },
}


class Reference(NamedTuple):
    """A figure that others published for the paper's split; `ours` is the baseline that it is the mark for."""

    method: str
    hr: float
    ndcg: float
    source: str
    ours: str | None = None


_DACREMA = "Ferrari Dacrema et al., TOIS 2021, additional material"
_RENDLE = "Rendle et al., RecSys 2020"
REFERENCES = {
    "MovieLens": (
        Reference("TopPop", 0.4533, 0.2542, _DACREMA, "ItemPop"),
        Reference("ItemKNN, cosine", 0.6694, 0.3979, _DACREMA, "ItemKNN"),
        Reference("UserKNN, asymmetric", 0.6768, 0.4100, _DACREMA),
        Reference("P3alpha", 0.6460, 0.3876, _DACREMA),
        Reference("RP3beta", 0.6758, 0.4011, _DACREMA),
        Reference("MF-BPR", 0.6305, 0.3730, _DACREMA, "BPR"),
        Reference("PureSVD", 0.6937, 0.4303, _DACREMA),
        Reference("iALS", 0.7109, 0.4382, _DACREMA, "iALS"),
        Reference("SLIM ElasticNet", 0.7162, 0.4468, _DACREMA),
        Reference("EASE^R, lambda 1320", 0.7192, 0.4494, _DACREMA, "EASE"),
        Reference("NeuMF pre-trained, 64 factors, SGD", 0.7093, 0.4349, _DACREMA),
        Reference("iALS, d = 192, tuned on validation", 0.7310, 0.4521, "irspack, examples/1-vs-100-negative"),
        Reference("matrix factorisation, d = 192", 0.7294, 0.4523, _RENDLE),
    ),
    "Pinterest": (
        Reference("TopPop", 0.2740, 0.1409, _DACREMA, "ItemPop"),
        Reference("ItemKNN, cosine", 0.8762, 0.5628, _DACREMA, "ItemKNN"),
        Reference("RP3beta", 0.8796, 0.5685, _DACREMA),
        Reference("MF-BPR", 0.8651, 0.5418, _DACREMA, "BPR"),
        Reference("iALS", 0.8761, 0.5590, _DACREMA, "iALS"),
        Reference("EASE^R, lambda 3540", 0.8684, 0.5604, _DACREMA, "EASE"),
        Reference("matrix factorisation, d = 192", 0.8895, 0.5794, _RENDLE),
    ),
}


def paper_figures(run: Run) -> tuple[float, float] | None:
    """Return the paper's HR@10 and NDCG@10 of a run, None where its tables have none."""
    title = TITLES.get(run.dataset)
    if title is None or not isinstance(run, NetworkRun):
        return None
    if run.num_neg != 4 or run.activation != "relu":
        return None
    if run.model == "NeuMF" and run.depth == 3 and run.factors in NEUMF[title]:
        return NEUMF[title][run.factors][0 if run.pretrained else 1]
    if run.model == "MLP" and run.factors in MLP[title] and run.depth < 5:
        hrs, ndcgs = MLP[title][run.factors]
        return hrs[run.depth], ndcgs[run.depth]
    return None
