import sys

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.keras_backend import require_tensorflow_backend


def test_tensorflow_is_the_default_and_another_backend_is_refused(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    require_tensorflow_backend()
    settings = tmp_path / "keras.json"
    for text in ("{}", "no JSON", '{"backend": "tensorflow"}'):
        settings.write_text(text)
        require_tensorflow_backend()
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
