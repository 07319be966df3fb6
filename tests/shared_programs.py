"""Programs that all engines of equal models share: compiling takes most of the time of a small training."""

import contextlib
import copy
import json
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from ncf_keras.training import CompiledEngine
from ncf_keras.training.steps.steps import DeferredStep

RUN, CATCH_UP = CompiledEngine._run, DeferredStep._catch_up_all
# What two equal models differ in.
NAME_OR_SEED = re.compile(r'"(?:name|seed)": (?:"[^"]*"|\d+|null),? ?')

# What is in a rule, but not in a program: it is given the schedule.
AT_RUN_TIME = ("learning_rate", "steps_before")


class SharedPrograms:
    """What compiled engines run, kept by what it computes; variables are arguments instead of captured."""

    def __init__(self) -> None:
        self._programs: dict[object, Callable] = {}

    def share(self, patch: pytest.MonkeyPatch) -> None:
        """Let all engines take their programs from here until the patch is undone."""
        patch.setattr(CompiledEngine, "_run", _Compiled(self._program_of_engine))
        patch.setattr(DeferredStep, "_catch_up_all", _Compiled(self._program_of_step))

    @staticmethod
    @contextlib.contextmanager
    def set_aside() -> Iterator[None]:
        """Let engines compile their own programs for a while."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CompiledEngine, "_run", RUN)
            patch.setattr(DeferredStep, "_catch_up_all", CATCH_UP)
            yield

    def _program_of_engine(self, engine: CompiledEngine) -> Callable:
        step, twin = engine._step, copy.copy(engine)

        def run(variables: list[tf.Variable], *inputs: tf.Tensor) -> tf.Tensor:
            twin._step = _StepOn(step, variables)
            return RUN.python_function(twin, *inputs)

        # A sampler of the device is part of the program, with the data that it holds.
        sampler = engine._feed if engine._feed.on_device else None
        key = (type(engine), sampler, engine._padded_size, engine._stack_size, engine._loss, *_key(step))
        return self._shared(key, run, step.variables)

    def _program_of_step(self, step: DeferredStep) -> Callable:
        twin = copy.copy(step)

        def run(rows: tf.Variable, *inputs: tf.Tensor) -> None:
            twin._rows = rows
            CATCH_UP.python_function(twin, *inputs)

        return self._shared(("catch up", *_key(step)), run, step._rows)

    def _shared(self, key: tuple, run: Callable, variables: object) -> Callable:
        program = self._programs.setdefault(key, tf.function(run, jit_compile=True, autograph=False))
        return lambda *inputs: program(variables, *inputs)


class _Compiled:
    """Stands for a `tf.function` among the methods of a class."""

    def __init__(self, program_of: Callable):
        self._program_of = program_of

    def __get__(self, owner: object, kind: type | None = None) -> SimpleNamespace:
        return SimpleNamespace(get_concrete_function=lambda *inputs: self._program_of(owner))


class _StepOn:
    """A step that takes its state from other variables."""

    def __init__(self, step: Callable, variables: list[tf.Variable]):
        self._step, self.variables, self.dtype = step, variables, step.dtype

    def __call__(self, *arguments: object) -> tuple:
        return self._step(*arguments)


def _key(step: object) -> tuple:
    """Return what decides the program of a step."""
    head = getattr(step, "_head", None)
    model: keras.Model = step._model if head is None else head._model
    # Features are part of the program, which looks them up.
    codes = [] if head is None else [hash(layer.codes.numpy().tobytes()) for _, layer in head._codes]
    precision = (step if head is None else head)._precision
    layers = [type(each).__name__ + json.dumps(each.get_config(), default=str) for each in model.layers]
    shapes = tuple((tuple(each.shape), each.dtype) for each in step.variables)
    rule = step._parameters._rule if hasattr(step, "_parameters") else step._rule
    settings = {name: value for name, value in vars(rule).items() if name not in AT_RUN_TIME}
    kind = type(rule), str(settings)
    config = NAME_OR_SEED.sub("", " ".join(layers))
    return type(step), kind, shapes, config, str(getattr(step, "_widths", "")), precision, *codes
