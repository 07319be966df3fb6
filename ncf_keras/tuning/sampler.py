"""What proposes the settings of a trial: Optuna's Parzen estimator, seeded by the number of the trial.

So neither a search that is taken up again nor another process repeats what was tried, and a process that works
alone tries the same each time.
"""

from typing import Any

import numpy as np
import optuna


class SamplerByNumber(optuna.samplers.BaseSampler):
    """Bergstra et al., "Algorithms for hyper-parameter optimization" (NIPS 2011), anew for each trial.

    Args:
        seed: of all trials together.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self._sampler = optuna.samplers.TPESampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Take a sampler of the trial's own."""
        seed = np.random.SeedSequence((self._seed, trial.number)).generate_state(1)[0]
        self._sampler = optuna.samplers.TPESampler(seed=int(seed))
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> Any:
        """Return which settings are proposed together."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: Any) -> Any:
        """Return the settings that are proposed together."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Return a setting that is proposed by itself."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)
