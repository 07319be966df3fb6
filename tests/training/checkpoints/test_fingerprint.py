import hashlib

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.training.checkpoints import digest_of, require_same_options

OPTIONS = {"--lr": 0.001, "--layers": [64, 32], "--seed": 7}


@pytest.mark.parametrize(("now", "message"), [
    ({**OPTIONS, "--lr": 0.01}, r"`--lr` must be 0\.001 to go on from here\. Received: 0\.01"),
    ({**OPTIONS, "--layers": [64]}, r"`--layers` must be \[64, 32\]"),
    ({**OPTIONS, "--new": 1}, r"`--new` must be None to go on from here\. Received: 1"),
    ({"--lr": 0.001, "--layers": [64, 32]}, r"`--seed` must be 7 to go on from here\. Received: None"),
])  # fmt: skip
def test_the_option_that_differs_is_named(now, message):
    require_same_options(dict(OPTIONS), OPTIONS, "here")
    with pytest.raises(InputError, match=message):
        require_same_options(OPTIONS, now, "here")


def test_the_digest_is_that_of_the_documented_bytes_and_each_part_of_an_array_counts():
    array = np.array([[1, 2]], dtype=np.int32)
    assert digest_of({"a": array}) == hashlib.sha256(b"a <i4 (1, 2)\n" + array.tobytes()).hexdigest()
    array = np.zeros((2, 3), dtype=np.int32)
    changed = array.copy()
    changed[1, 2] = 1
    others = [{"b": array}, {"a": array.reshape(3, 2)}, {"a": array.view(np.float32)}, {"a": changed}, {}]
    digests = {digest_of(arrays) for arrays in [{"a": array}, *others]}
    assert len(digests) == 6
    assert digest_of({"a": np.asfortranarray(array)}) == digest_of({"a": array})
