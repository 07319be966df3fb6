"""Baselines: the paper's, and the strong ones that later work held against NCF, behind one protocol."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.baselines.baseline import Baseline as Baseline
    from ncf_keras.baselines.bpr import BPR as BPR
    from ncf_keras.baselines.eals import EALS as EALS
    from ncf_keras.baselines.factor_models import IALS as IALS, DotProduct as DotProduct
    from ncf_keras.baselines.item_models import EASE as EASE, ItemKNN as ItemKNN, ItemPop as ItemPop
    from ncf_keras.baselines.loading import load_baseline as load_baseline
    from ncf_keras.baselines.selection import Trial as Trial, choose as choose

_HOMES = {
    "baseline": ("Baseline",),
    "bpr": ("BPR",),
    "eals": ("EALS",),
    "factor_models": ("IALS", "DotProduct"),
    "item_models": ("EASE", "ItemKNN", "ItemPop"),
    "loading": ("load_baseline",),
    "selection": ("Trial", "choose"),
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES, light=tuple(_HOMES))
