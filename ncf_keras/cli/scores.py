"""The scores of a saved model, a network or a baseline alike, as the protocols of evaluation take them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ncf_keras.evaluation.full_ranking import ScoreAll
    from ncf_keras.evaluation.leave_one_out import Score


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
