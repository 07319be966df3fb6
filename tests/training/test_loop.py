import numpy as np

from ncf_keras.evaluation import RankingResult
from ncf_keras.training import Best, train_loop


class ScriptedEngine:
    """Gives the losses 1.0, 2.0, …; `evaluations` are the hit ratios that follow."""

    def __init__(self, hit_ratios: list[float]):
        self.epochs = 0
        self._hit_ratios = iter(hit_ratios)

    def train_epoch(self, on_progress=None) -> float:
        self.epochs += 1
        return float(self.epochs)

    def evaluate(self) -> RankingResult:
        value = next(self._hit_ratios)
        return RankingResult(np.array([value]), np.array([value / 2]))


def run(hit_ratios: list[float], **options):
    engine = ScriptedEngine(hit_ratios)
    iterations, bests, inits = [], [], []
    best = train_loop(
        engine,
        engine.evaluate,
        on_init=inits.append,
        on_iteration=iterations.append,
        on_best=bests.append,
        **options,
    )
    return engine, best, iterations, bests, inits


def test_only_a_strictly_higher_hit_ratio_is_better():
    engine, best, iterations, bests, inits = run([0.1, 0.1, 0.3, 0.3, 0.2], epochs=4)
    assert best == Best(1, 0.3, 0.15)
    assert bests == [best]
    assert inits[0].hr == 0.1
    assert [(one.number, one.hr, one.ndcg, one.loss) for one in iterations] == [
        (0, 0.1, 0.05, 1.0),
        (1, 0.3, 0.15, 2.0),
        (2, 0.3, 0.15, 3.0),
        (3, 0.2, 0.1, 4.0),
    ]
    assert engine.epochs == 4


def test_without_improvement_the_best_is_the_model_before_training():
    _, best, _, bests, _ = run([0.5, 0.4, 0.5], epochs=2)
    assert best == Best(-1, 0.5, 0.25)
    assert bests == []


def test_verbose_evaluates_every_so_many_epochs_from_the_first():
    engine, _, iterations, _, _ = run([0.1, 0.2, 0.3], epochs=4, verbose=3)
    assert [one.number for one in iterations] == [0, 3]
    assert engine.epochs == 4


def test_patience_stops_after_so_many_evaluations_without_a_better_hit_ratio():
    engine, best, _, _, _ = run([0.1, 0.2, 0.2, 0.1, 0.9], epochs=9, patience=2)
    assert engine.epochs == 3
    assert best.number == 0


def test_no_epochs_evaluates_once():
    engine, best, iterations, _, _ = run([0.1], epochs=0)
    assert (engine.epochs, best.number, iterations) == (0, -1, [])
