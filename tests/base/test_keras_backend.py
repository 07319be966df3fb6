import sys

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.keras_backend import require_tensorflow_backend


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A Keras that is not imported yet, with a folder for its settings; returns the file of them."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


@pytest.mark.parametrize("text", [None, "{}", "no JSON", '{"backend": "tensorflow"}'])
def test_tensorflow_is_the_default(settings, text):
    if text is not None:
        settings.write_text(text)
    require_tensorflow_backend()


def test_another_backend_is_refused(settings, monkeypatch):
    settings.write_text('{"backend": "jax"}')
    with pytest.raises(InputError, match=r"`backend` in .*keras\.json must be tensorflow.* Received: jax"):
        require_tensorflow_backend()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    require_tensorflow_backend()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(InputError, match=r"^`KERAS_BACKEND` must be tensorflow.* Received: torch$"):
        require_tensorflow_backend()


def test_a_keras_that_is_imported_is_asked_itself(monkeypatch):
    import keras

    require_tensorflow_backend()
    monkeypatch.setattr(keras.config, "backend", lambda: "numpy")
    with pytest.raises(InputError, match="Received: numpy"):
        require_tensorflow_backend()
