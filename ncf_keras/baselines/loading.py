"""A fitted baseline out of the file that `Baseline.save` wrote; nothing in the file is run."""

import os
from collections.abc import Mapping
from typing import Any

from ncf_keras.base.errors import InputError
from ncf_keras.baselines.archive import ArchiveError, read_about, read_archive
from ncf_keras.baselines.baseline import FORMAT, Baseline
from ncf_keras.baselines.bpr import BPR
from ncf_keras.baselines.eals import EALS
from ncf_keras.baselines.factor_models import IALS, DotProduct
from ncf_keras.baselines.item_models import EASE, ItemKNN, ItemPop

BASELINES: dict[str, Any] = {
    kind.__name__: kind for kind in (ItemPop, ItemKNN, BPR, EALS, DotProduct, IALS, EASE)
}
# What files of earlier versions lack, which did what the default does.
ADDED: dict[Any, set[str]] = {DotProduct: {"penalty_exponent"}}


def load_baseline(path: str | os.PathLike) -> Baseline:
    """Return the fitted baseline in a file; its scores are those that it had, bit for bit.

    Args:
        path: the file. It may come from anyone: no code in it is run, and no more memory than a small multiple
            of its size is used.

    Raises:
        InputError: it can't be read, is none of a baseline, or is damaged.

    Example:
        >>> ncf_keras.Recommender(load_baseline("ease.npz"), dataset).recommend("ann")
    """
    try:
        stored = read_archive(path)
        return _named(stored.about).restore(stored)
    except ArchiveError as error:
        raise _refused(path, error) from None


def baseline_in_words(path: str | os.PathLike) -> str:
    """Return what a file holds, such as `EASE(regularization=500.0)`; its arrays are not read."""
    try:
        return repr(_named(read_about(path)))
    except ArchiveError as error:
        raise _refused(path, error) from None


def _refused(path: str | os.PathLike, error: ArchiveError) -> InputError:
    return InputError(f"{path} must be a baseline as `ncf baseline` saves it. Received: a file that {error}")


def _named(about: Mapping[str, Any]) -> Baseline:
    """Return the baseline that a file names, which has learnt nothing."""
    if about.get("format") != FORMAT:
        raise ArchiveError(f"is of format {about.get('format')!r:.40}, where {FORMAT} is read")
    name, given = about.get("baseline"), about.get("hyperparameters")
    kind = BASELINES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ArchiveError(f"is of a baseline {name!r:.40}, which is none of {', '.join(BASELINES)}")
    names = kind().hyperparameters().keys()
    required = names - ADDED.get(kind, set())
    if not isinstance(given, dict) or not required <= given.keys() <= names:
        raise ArchiveError(f"does not have the hyperparameters of {name}")
    try:
        return kind(**given)
    except InputError as error:
        raise ArchiveError(f"has hyperparameters against their rule ({error!s:.200})") from None
