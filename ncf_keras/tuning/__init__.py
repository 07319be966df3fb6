"""Settings found by a search on validation pairs: `ncf tune`."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.tuning.candidate import Candidate as Candidate, Effort as Effort, Outcome as Outcome
    from ncf_keras.tuning.candidates import candidate_of as candidate_of
    from ncf_keras.tuning.spaces import SPACES as SPACES
    from ncf_keras.tuning.study import Study as Study, TrialRecord as TrialRecord

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "candidate": ("Candidate", "Effort", "Outcome"),
        "candidates": ("candidate_of",),
        "spaces": ("SPACES",),
        "study": ("Study", "TrialRecord"),
    },
    light=("candidate", "spaces", "study"),
)
