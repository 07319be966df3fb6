"""What a step keeps besides rows of embeddings: variables with their slots, and state that is no weight."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.training.steps.rules import Rule

State = list[Tensor]
# By the path of a variable of Keras, such as `layer1/kernel`: its slots, each of its shape.
Slots = Mapping[str, tuple[np.ndarray, ...]]


class Parameters:
    """Variables of Keras and their slots: of each variable the weights, then its slots, each a tensor."""

    def __init__(self, variables: list[keras.Variable], rule: Rule):
        self._rule = rule
        self._variables = variables
        self._size = 1 + rule.num_slots
        self.state = []
        for variable in variables:
            slots = [tf.Variable(tf.zeros_like(variable.value)) for _ in range(rule.num_slots)]
            self.state += [tf.Variable(variable.value), *slots]

    def weights(self, state: State) -> list[Tensor]:
        """Return the weights among the tensors of a state."""
        return state[:: self._size]

    def update(self, state: State, gradients: list[Tensor], now: Tensor) -> State:
        """Return the state after one step."""
        result = []
        for start, gradient in zip(self._starts, gradients, strict=True):
            weights, *slots = state[start : start + self._size]
            weights, slots = self._rule.update(weights, slots, tf.convert_to_tensor(gradient), now)
            result += [weights, *slots]
        return result

    def slots(self) -> dict[str, tuple[np.ndarray, ...]]:
        """Return the slots of each variable."""
        return {
            variable.path: tuple(slot.numpy() for slot in self.state[start + 1 : start + self._size])
            for variable, start in zip(self._variables, self._starts, strict=True)
        }

    def set_slots(self, slots: Slots) -> None:
        """Take over the slots of each variable."""
        for variable, start in zip(self._variables, self._starts, strict=True):
            for number, slot in enumerate(slots[variable.path], start + 1):
                self.state[number].assign(slot)

    @property
    def _starts(self) -> range:
        """Where in the state each variable's weights are."""
        return range(0, len(self.state), self._size)

    def write_back(self) -> None:
        """Assign the weights to the variables of Keras."""
        for variable, value in zip(self._variables, self.weights(self.state), strict=True):
            variable.assign(value)

    def read_model(self) -> None:
        """Take the weights from the variables of Keras."""
        for variable, value in zip(self._variables, self.weights(self.state), strict=True):
            value.assign(variable.value)


class OtherState:
    """State that is no weight, such as a Dropout's seed; what Keras has as int32 is int64 here."""

    def __init__(self, variables: list[keras.Variable]):
        self._variables = variables
        self.state = [tf.Variable(value) for value in self.kept([variable.value for variable in variables])]

    def kept(self, values: State) -> State:
        """Return values as `state` holds them."""
        return [tf.cast(value, tf.int64) if value.dtype == tf.int32 else value for value in values]

    def given(self, values: State) -> State:
        """Return values of `state` as Keras takes them."""
        return [tf.cast(value, variable.dtype) for value, variable in zip(values, self._variables, strict=True)]

    def write_back(self) -> None:
        """Assign the state to the variables of Keras."""
        for variable, value in zip(self._variables, self.given(self.state), strict=True):
            variable.assign(value)

    def read_model(self) -> None:
        """Take the state from the variables of Keras."""
        for kept, value in zip(self.state, self.kept([each.value for each in self._variables]), strict=True):
            kept.assign(value)
