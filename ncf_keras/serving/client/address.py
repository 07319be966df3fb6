"""Whom to ask: a server, and one of its models."""

from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from ncf_keras.base.errors import InputError

GRPC_PORT = 8500
_EXAMPLES = "such as http://localhost:8501 (REST) or grpc://localhost:8500 (gRPC)"


@dataclass(frozen=True)
class ServedModel:
    """A model of a server, and which of its versions.

    Attributes:
        name: the name it is served under.
        version: a version's number, or None.
        label: the name that the server's configuration gives a version, such as `stable`, or None. With
            neither, the server takes the highest version it has loaded.

    Raises:
        InputError: no name, a number below 0, or both a version and a label.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("`model` must be the name that the model is served under. Received: ''")
        if self.version is not None and self.label is not None:
            raise InputError(
                f"`version` and `label` must not both be given. Received: {self.version} and {self.label!r}"
            )
        if self.version is not None and self.version < 0:
            raise InputError(f"`version` must be a whole number of at least 0. Received: {self.version}")

    def path(self) -> str:
        """Return the part of a REST address that stands for the model."""
        path = f"/v1/models/{quote(self.name, safe='')}"
        if self.version is not None:
            return f"{path}/versions/{self.version}"
        return path if self.label is None else f"{path}/labels/{quote(self.label, safe='')}"

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name!r}, version {self.version}"
        return repr(self.name) if self.label is None else f"{self.name!r}, label {self.label!r}"


def split_address(server: str) -> SplitResult:
    """Return the parts of a server's address.

    Raises:
        InputError: it is not of the form `http://host:port`, `https://…`, `grpc://…` or `grpcs://…`.
    """
    try:
        parts = urlsplit(server)
        right = parts.scheme in ("http", "https", "grpc", "grpcs") and parts.hostname
        right = right and (parts.port is None or parts.port > 0) and not parts.query and not parts.fragment
    except ValueError:
        right = False
    if right and parts.scheme.startswith("grpc") and (parts.path.strip("/") or "@" in parts.netloc):
        right = False
    if not right:
        raise InputError(f"`server` must be the address of a server, {_EXAMPLES}. Received: {server!r}")
    return parts


def public_address(parts: SplitResult) -> str:
    """Return the address without a user's name and password, for messages."""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
