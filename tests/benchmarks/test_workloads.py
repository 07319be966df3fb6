"""What is measured is what it says it is: the data, the references, the step taken apart."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.data import read_dataset
from ncf_keras.models import build_neumf
from ncf_keras.training.steps.rules import make_rule
from ncf_keras.training.steps.steps import DeferredStep
from tests.benchmarks.conftest import SCRIPTS


@pytest.fixture
def tiny():
    from _workloads import TINY, synthetic_dataset

    return synthetic_dataset(*TINY)


def pairs_of(dataset):
    return set(zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True))


def test_synthetic_data_has_the_size_asked_for_and_repeats_itself(tiny):
    from _workloads import part_of, synthetic_dataset

    again = synthetic_dataset.__wrapped__(300, 200, 3_000)
    assert (tiny.num_users, tiny.num_items, tiny.num_train, tiny.num_test) == (300, 200, 3_000, 300)
    assert tiny.test_negatives.shape == (300, 99)
    assert pairs_of(tiny) == pairs_of(again)
    counts = np.bincount(tiny.train_items, minlength=200)
    assert counts.max() > 2 * counts.mean()
    part = part_of(tiny, 100)
    assert (part.num_users, part.num_items, part.num_train) == (300, 200, 100)
    assert pairs_of(part) < pairs_of(tiny)


def test_references_draw_every_positive_once_and_no_positive_as_negative(tiny, generator):
    from _references import as_matrix, double_loop, numpy_epoch

    users, items, labels = numpy_epoch(tiny, 4, generator)
    positives = pairs_of(tiny)
    known = [pair in positives for pair in zip(users.tolist(), items.tolist(), strict=True)]
    assert len(known) == 15_000 and known == [label == 1 for label in labels]
    drawn = list(zip(users[labels == 1].tolist(), items[labels == 1].tolist(), strict=True))
    assert len(drawn) == 3_000 and set(drawn) == positives

    users, items, labels = double_loop(as_matrix(tiny), 4, generator, 20)
    assert labels == [1, 0, 0, 0, 0] * 20
    assert all(len(set(users[start : start + 5])) == 1 for start in range(0, 100, 5))
    known = [pair in positives for pair in zip(users, items, strict=True)]
    assert known == [label == 1 for label in labels]


def test_line_loop_reads_what_read_dataset_reads(tmp_path, tiny):
    import loading
    from _references import read_line_by_line

    loading._write("tiny", f"{tmp_path}/")
    matrix, tests, negatives = read_line_by_line(f"{tmp_path}/", "tiny")
    dataset = read_dataset(tmp_path, "tiny")
    assert set(matrix.keys()) == pairs_of(dataset) == pairs_of(tiny)
    assert [pair[1] for pair in tests] == dataset.test_items.tolist()
    assert negatives == dataset.test_negatives.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["GMF", "MLP", "NeuMF"])
def test_torch_models_have_the_parameters_of_ours(model):
    from _workloads import build

    count = f"print(sum(t.numel() for t in _torch_models.build({model!r}, 8, 30, 20).parameters()))"
    theirs = subprocess.run(
        [sys.executable, "-c", f"import _torch_models; {count}"],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        check=True,
    )
    assert int(theirs.stdout) == build(model, 8, 30, 20).count_params()


class Steps:
    """Three steps of 12 x 12 tables in which no row repeats within a batch, run operation by operation."""

    def __init__(self, generator):
        self.rule = make_rule("adam", 0.01)
        self.model = build_neumf(12, 12, 2, [4, 2], [0, 0], seed=3)
        self._ids = [[tf.constant(generator.permutation(12)[:4], tf.int32) for _ in range(2)] for _ in range(3)]
        self._labels = tf.constant([1.0, 0.0, 0.0, 1.0])

    def run(self, step):
        """Return the losses and the rows at the end."""
        schedule = tf.constant(self.rule.schedule(0, 3), tf.float32)
        state, losses = [variable.value() for variable in step.variables], []
        for number, ids in enumerate(self._ids):
            loss, state = step(state, ids, self._labels, tf.ones(4), tf.constant(number), schedule)
            losses.append(float(loss))
        return losses, state[0].numpy()


def test_parts_add_up_to_the_engines_step(generator):
    from _partial_step import PARTS, PartialStep

    steps = Steps(generator)
    losses, rows = steps.run(DeferredStep(steps.model, steps.rule))
    by_level = [steps.run(PartialStep(steps.model, steps.rule, level)) for level in range(1, len(PARTS) + 1)]
    assert by_level[0][0] == pytest.approx([0.5] * 3)
    assert [part[0][0] for part in by_level[1:]] == pytest.approx([losses[0]] * (len(PARTS) - 1), rel=1e-6)
    # Without repeated rows the last part does nothing, so the last but one is the engine's step too.
    for all_losses, all_rows in by_level[-2:]:
        assert all_losses == pytest.approx(losses, rel=1e-6)
        np.testing.assert_allclose(all_rows, rows, rtol=1e-6, atol=1e-9)
    # A part less, and rows are not caught up: that shows.
    assert abs(by_level[-3][1] - rows).max() > 1e-4
