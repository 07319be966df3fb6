"""Where the relevant items of many ranked lists stand: what every protocol gives and every metric takes."""

from dataclasses import dataclass

import numpy as np

from ncf_keras.base.errors import InputError


@dataclass(frozen=True, eq=False)
class Rankings:
    """The positions of the relevant items of many ranked lists; leave-one-out has one such item a list.

    Attributes:
        users: int32, shape (rankings,): whose list each is.
        offsets: int64, shape (rankings + 1,). The relevant items of ranking r have the positions
            `positions[offsets[r]:offsets[r + 1]]`; every ranking has at least one.
        positions: int64, shape (relevant items,), ascending within a ranking; 0 is the top of the list.
    """

    users: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray

    def __post_init__(self):
        if len(self.offsets) != len(self.users) + 1 or self.offsets[-1] != len(self.positions):
            raise InputError(
                "`offsets` must have one entry more than `users` and end in the number of `positions`. "
                f"Received: {len(self.offsets)}, {len(self.users)} and {len(self.positions)} entries"
            )
        if len(self.users) == 0 or np.diff(self.offsets).min() < 1:
            raise InputError("Rankings must have at least one, each with a relevant item. Received: none")

    @classmethod
    def of_single_items(cls, users: np.ndarray, positions: np.ndarray) -> "Rankings":
        """Return rankings with one relevant item each.

        Args:
            users: integers, shape (rankings,).
            positions: integers, shape (rankings,).
        """
        return cls(users.astype(np.int32), np.arange(len(users) + 1), positions.astype(np.int64))

    def __len__(self) -> int:
        return len(self.users)
