"""Baselines: the paper's, and the strong ones that later work held against NCF, behind one protocol."""

from ncf_keras.baselines.baseline import Baseline
from ncf_keras.baselines.bpr import BPR
from ncf_keras.baselines.eals import EALS
from ncf_keras.baselines.factor_models import IALS, DotProduct
from ncf_keras.baselines.item_models import EASE, ItemKNN, ItemPop
from ncf_keras.baselines.selection import Trial, choose

__all__ = ["BPR", "EALS", "EASE", "IALS", "Baseline", "DotProduct", "ItemKNN", "ItemPop", "Trial", "choose"]
