"""Settings found by a search on validation pairs: `ncf tune`."""

from ncf_keras.models.spec import KINDS
from ncf_keras.tuning.candidate import Candidate, Effort, Outcome
from ncf_keras.tuning.fitted import Fitted
from ncf_keras.tuning.networks import Network
from ncf_keras.tuning.recipes import TunedNeuMF
from ncf_keras.tuning.spaces import SPACES
from ncf_keras.tuning.study import Study, TrialRecord

__all__ = ["SPACES", "Candidate", "Effort", "Outcome", "Study", "TrialRecord", "candidate_of"]


def candidate_of(model: str) -> Candidate:
    """Return what tries a model: `GMF`, `MLP`, `NeuMF`, `tuned`, or the name of a baseline."""
    if model == "tuned":
        return TunedNeuMF()
    if model in KINDS:
        return Network(model)
    return Fitted(model)
