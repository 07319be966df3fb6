"""XLA is told how to compile short loops, unless the user has told it something, or it compiles for a GPU."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from ncf_keras.base.short_loops import XLA_FLAGS, vectorise_short_loops

COMPILED = """
import os
from ncf_keras.models import build_gmf
import tensorflow as tf
print(tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1.0)).numpy(), os.environ["XLA_FLAGS"])
"""


@pytest.mark.parametrize(("mine", "used"), [(None, XLA_FLAGS), ("--xla_cpu_enable_fast_math=false",) * 2])
def test_xla_takes_the_flags_and_a_users_own_are_kept(mine, used):
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    # A machine's GPU would be left alone.
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    if mine:
        environment["XLA_FLAGS"] = mine
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"2.0 {used}\n"


def test_a_gpu_is_left_alone(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    vectorise_short_loops()
    assert "XLA_FLAGS" not in os.environ
