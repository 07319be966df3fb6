"""A free name for a file that is written later: nobody else takes it, and nobody's file is replaced."""

import time
from pathlib import Path


def claim_name(directory: Path, stem: str, suffix: str) -> tuple[Path, Path]:
    """Return a free name `<stem>_<unix time><suffix>`, and the claim file that reserves it until it is written.

    The time is increased until the name is free. Whoever claims a name removes the claim file.
    """
    moment = int(time.time())
    while True:
        path = directory / f"{stem}_{moment}{suffix}"
        claim = claim_of(path)
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            moment += 1
            continue
        if not path.exists():
            return path, claim
        claim.unlink()
        moment += 1


def claim_of(path: Path) -> Path:
    """Return the file that reserves a name."""
    return path.with_name(f".{path.name}.claim")
