"""Experiments that hold a figure of each user's one test pair against another."""

from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError

if TYPE_CHECKING:
    from ncf_keras.data import Dataset


def require_one_pair_a_user(dataset: "Dataset") -> None:
    """Raise InputError if a user has several test pairs, as in a split in time."""
    users = len(set(dataset.test_users.tolist()))
    if users < dataset.num_test:
        raise InputError(
            "`--dataset` must hold out one item of a user, as leave-one-out does. "
            f"Received: {dataset.name}, with {dataset.num_test:,} test pairs of {users:,} users"
        )
