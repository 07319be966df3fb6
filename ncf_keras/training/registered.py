"""Everything of ours that a saved Keras model may hold. Importing it tells Keras their names."""

from typing import Any

import keras

from ncf_keras.models.pair_difference import PairDifference
from ncf_keras.models.row_penalty import RowPenalty
from ncf_keras.training.learners import Adagrad, Adam, RMSprop
from ncf_keras.training.losses import MarginLoss, WeightedSquaredLoss, bpr_loss, clipped_log_loss
from ncf_keras.training.schedules import WarmUpAndDecay


def custom_objects() -> dict[str, Any]:
    """Return our learners, schedules, losses, layers and models by the names that Keras saves them under.

    They are for `keras.saving.load_model(file, custom_objects=…)`; after `import ncf_keras` Keras knows them.
    """
    ours = (
        Adagrad, Adam, RMSprop, WarmUpAndDecay, MarginLoss, WeightedSquaredLoss, PairDifference, RowPenalty,
        bpr_loss, clipped_log_loss,
    )  # fmt: skip
    return {keras.saving.get_registered_name(one): one for one in ours}
