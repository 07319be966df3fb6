"""The settings of a tuned NeuMF in a JSON file: what `ncf tune` finds and `ncf neumf --preset FILE` takes."""

import json
import os

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import open_input, unreadable
from ncf_keras.training.tuned import Recipe

# A recipe takes a few hundred bytes.
LONGEST_RECIPE = 1 << 16


def recipe_text(recipe: Recipe) -> str:
    """Return the content of the file of a recipe."""
    return json.dumps(recipe.to_json(), indent=2) + "\n"


def read_recipe(file: str | os.PathLike, subject: str | None = None) -> Recipe:
    """Return the recipe in a file; InputError, about `subject`, if it is none."""
    try:
        with open_input(file, subject) as stream:
            text = stream.read(LONGEST_RECIPE + 1)
    except OSError as error:
        raise unreadable(file, error, subject) from None
    try:
        values = json.loads(text) if len(text) <= LONGEST_RECIPE else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        about = f"{subject or file} must be a JSON file with the settings of a recipe, as `ncf tune` writes it"
        raise InputError(f"{about}. Received: {file}, which is not")
    try:
        return Recipe.from_json(values)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
