"""The scores of a saved model, a network or a baseline alike, as the protocols of evaluation take them."""

from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError

if TYPE_CHECKING:
    from ncf_keras.evaluation.full_ranking import ScoreAll
    from ncf_keras.evaluation.leave_one_out import Score
    from ncf_keras.models.factored import FactoredModel


def pair_scores(model: Any) -> "Score":
    """Return a function that scores pairs, of a Keras model or a fitted baseline."""
    if hasattr(model, "score_all"):
        return model.score
    from ncf_keras.models import model_scores

    return model_scores(model)


def item_scores(model: Any, num_items: int) -> "ScoreAll":
    """Return a function that scores all items for some users; `model` as in `pair_scores`."""
    if hasattr(model, "score_all"):
        return model.score_all
    from ncf_keras.models.scoring import all_scores

    return all_scores(model, num_items)


def factored(model: Any) -> "FactoredModel | None":
    """Return the parts of a GMF, MLP or NeuMF, whose scores are probabilities; None for any other model."""
    # A baseline needs no TensorFlow.
    if hasattr(model, "score_all"):
        return None
    from ncf_keras.models.factored import FactoredModel, can_factor

    return FactoredModel(model) if can_factor(model) else None


def require_cold_scores(model: Any, argument: str = "--weights") -> None:
    """Raise InputError if a model knows items by their interactions alone, and so nothing of cold ones.

    These are GMF, MLP and NeuMF without features of items. A baseline, or a Keras model of one's own, may know
    more.

    Args:
        model: a Keras model or a fitted baseline.
        argument: the flag or argument that it came from.
    """
    parts = factored(model)
    if parts is not None and parts.items[0].features is None:
        raise InputError(
            f"`{argument}` must hold a model that knows items by features with `--protocol` cold, because "
            f"a cold item has no interaction to learn from. Received: {model.name}, without item features"
        )
