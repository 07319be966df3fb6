"""What an export was asked for besides its model and dataset, kept in the version for the next one."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of, open_input

# What the commands write it to, in the directory of a version.
ASKED = "assets.extra/asked.json"
LONGEST_JSON = 1 << 16


@dataclass(frozen=True)
class Asked:
    """What an export was asked for.

    Attributes:
        group: name of the feature of the items of whose categories requests may limit the number.
        candidates, recall: as of `export_model`.
    """

    group: str | None = None
    candidates: int | None = None
    recall: float | None = None

    def flags(self) -> dict[str, str]:
        """Return what is typed for it, by flag; nothing for what is not asked for."""
        values = dataclasses.asdict(self).items()
        return {f"--{name}": f"--{name} {value}" for name, value in values if value is not None}

    def left_out_by(self, other: "Asked") -> list[str]:
        """Return what is typed for what `other` asks nothing about: the two flags of stages are one."""
        of_stages = {"--candidates", "--recall"}
        named = set(other.flags())
        named |= of_stages if named & of_stages else set()
        return [typed for flag, typed in self.flags().items() if flag not in named]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> "Asked":
        """Return what `to_json` made these values of.

        Raises:
            InputError: it did not make them.
        """
        fields = {"group": (str,), "candidates": (int,), "recall": (int, float)}
        if (
            not isinstance(values, dict)
            or values.keys() != fields.keys()
            or any(value is not None and type(value) not in fields[name] for name, value in values.items())
        ):
            raise InputError("What an export was asked for must be as a command wrote it. Received: other")
        return cls(**values)

    def beside(self) -> dict[str, bytes]:
        """Return the file that keeps it, as `beside` of `export_model`."""
        return {ASKED: (json.dumps(self.to_json(), indent=1) + "\n").encode()}


def read_asked(version: Path) -> Asked | None:
    """Return what a version was asked for; None if its files do not say."""
    file = version / ASKED
    if kind_of(file) != "a file":
        return None
    try:
        with open_input(file) as stream:
            return Asked.from_json(json.loads(stream.read(LONGEST_JSON)))
    except (OSError, ValueError, RecursionError, InputError):
        return None
