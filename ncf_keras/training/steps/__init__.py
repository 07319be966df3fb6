"""One training step on tensors: dense or deferred, alone or shared, and the arithmetic of each learner."""
