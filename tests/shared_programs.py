"""Programs that all engines of equal models share: to compile them takes most of the time of a small training."""

import copy
import json
import re
from collections.abc import Callable

import keras
import pytest
import tensorflow as tf

from ncf_keras.training import CompiledEngine
from ncf_keras.training.steps.steps import DeferredStep

# What two equal models differ in.
NAME_OR_SEED = re.compile(r'"(?:name|seed)": (?:"[^"]*"|\d+|null),? ?')


class SharedPrograms:
    """What compiled engines run, kept by what it computes; variables are arguments instead of captured."""

    def __init__(self) -> None:
        self._programs: dict[object, Callable] = {}

    def share(self, patch: pytest.MonkeyPatch) -> None:
        """Let all engines take their programs from here until the patch is undone."""
        run, catch_up = CompiledEngine._run.python_function, DeferredStep._catch_up_all.python_function

        def shared_run(engine: CompiledEngine, *inputs: tf.Tensor) -> tf.Tensor:
            step = engine._step
            key = (type(engine), engine._padded_size, engine._stack_size, engine._loss, *_key(step))
            if key not in self._programs:
                twin = copy.copy(engine)

                def body(variables: list[tf.Variable], *inputs: tf.Tensor) -> tf.Tensor:
                    twin._step = _StepOn(step, variables)
                    return run(twin, *inputs)

                self._programs[key] = tf.function(body, jit_compile=True, autograph=False)
            return self._programs[key](step.variables, *inputs)

        def shared_catch_up(step: DeferredStep, *inputs: tf.Tensor) -> None:
            key = ("catch up", *_key(step))
            if key not in self._programs:
                twin = copy.copy(step)

                def body(rows: tf.Variable, *inputs: tf.Tensor) -> None:
                    twin._rows = rows
                    catch_up(twin, *inputs)

                self._programs[key] = tf.function(body, jit_compile=True, autograph=False)
            self._programs[key](step._rows, *inputs)

        patch.setattr(CompiledEngine, "_run", shared_run)
        patch.setattr(DeferredStep, "_catch_up_all", shared_catch_up)


class _StepOn:
    """A step that takes its state from other variables."""

    def __init__(self, step: Callable, variables: list[tf.Variable]):
        self._step, self.variables, self.dtype = step, variables, step.dtype

    def __call__(self, *arguments: object) -> tuple:
        return self._step(*arguments)


def _key(step: object) -> tuple:
    """Return what decides the program of a step."""
    model: keras.Model = getattr(step, "_head", None) or step._model
    layers = [type(each).__name__ + json.dumps(each.get_config(), default=str) for each in model.layers]
    shapes = tuple((tuple(each.shape), each.dtype) for each in step.variables)
    rule = (step._parameters._rule if hasattr(step, "_parameters") else step._rule).__class__
    return type(step), rule, shapes, NAME_OR_SEED.sub("", " ".join(layers)), str(getattr(step, "_widths", ""))
