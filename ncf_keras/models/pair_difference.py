"""The model that pairwise learning trains: a user's score of one item less that of another."""

from collections.abc import Mapping
from typing import Any

import keras

from ncf_keras.base.errors import InputError


@keras.saving.register_keras_serializable("ncf_keras")
class PairDifference(keras.Model):
    """Scores a user's positive less that user's negative, with the weights of another model.

    A score is what the model's output layer has before its sigmoid: a difference of probabilities would stay
    below 1 and hardly move once they saturate. The other model is functional, from `user_input` and
    `item_input` to the Dense layer `prediction`.
    """

    def __init__(self, model: keras.Model, **options: Any):
        output = model.layers[-1]
        if not isinstance(output, keras.layers.Dense) or model.output is not output.output:
            raise InputError(
                f"`model` must end in a Dense layer, as those of `ncf_keras.models` do. Received: {output!r}"
            )
        super().__init__(**{"name": f"{model.name}_pairs", "dtype": output.dtype_policy, **options})
        self._scorer = model
        self._body = keras.Model(model.inputs, output.input)
        self._output = output

    def call(self, inputs: Mapping[str, keras.KerasTensor], training: bool = False) -> keras.KerasTensor:
        """Return the differences, shape (batch, 1), for int32 indices of that shape by the inputs' names."""
        users = inputs["user_input"]
        positive = self._score(users, inputs["item_input"], training)
        return positive - self._score(users, inputs["negative_input"], training)

    def _score(self, users: keras.KerasTensor, items: keras.KerasTensor, training: bool) -> keras.KerasTensor:
        features = keras.ops.cast(self._body([users, items], training=training), self.compute_dtype)
        scores = keras.ops.matmul(features, self._output.kernel)
        return scores + self._output.bias if self._output.use_bias else scores

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, the scoring model among them."""
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self._scorer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> "PairDifference":
        """Return the model that `get_config` describes."""
        model = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(**{**config, "model": model})
