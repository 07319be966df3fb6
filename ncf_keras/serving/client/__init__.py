"""Ask a model that TensorFlow Serving serves, over REST or gRPC. Importing this does not import TensorFlow."""

from typing import TYPE_CHECKING

from ncf_keras.base.lazy import lazy_names

if TYPE_CHECKING:
    from ncf_keras.serving.client.client import Client as Client, connect as connect
    from ncf_keras.serving.client.transport import Patience as Patience
    from ncf_keras.serving.client.values import (
        ItemLists as ItemLists,
        NamedItemLists as NamedItemLists,
        Place as Place,
        ServingError as ServingError,
        Signature as Signature,
        Tensor as Tensor,
        VersionStatus as VersionStatus,
    )

HOMES = {
    "client": ("Client", "connect"),
    "transport": ("Patience",),
    "values": (
        "ItemLists", "NamedItemLists", "Place", "ServingError", "Signature", "Tensor", "VersionStatus",
    ),
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_names(__name__, HOMES, light=tuple(HOMES))
