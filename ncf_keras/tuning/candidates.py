"""Which candidate tries a model, by the model's name."""

from ncf_keras.models.spec import KINDS
from ncf_keras.tuning.candidate import Candidate
from ncf_keras.tuning.fitted import Fitted
from ncf_keras.tuning.networks import Network
from ncf_keras.tuning.recipes import TunedNeuMF


def candidate_of(model: str) -> Candidate:
    """Return what tries a model: `GMF`, `MLP`, `NeuMF`, `tuned`, or the name of a baseline."""
    if model == "tuned":
        return TunedNeuMF()
    if model in KINDS:
        return Network(model)
    return Fitted(model)
