"""Ask a model that TensorFlow Serving serves, over REST or gRPC. Importing this does not import TensorFlow."""

from ncf_keras.serving.client.client import Client, connect
from ncf_keras.serving.client.transport import Patience
from ncf_keras.serving.client.values import (
    ItemLists,
    NamedItemLists,
    Place,
    ServingError,
    Signature,
    Tensor,
    VersionStatus,
)

__all__ = ["Client", "ItemLists", "NamedItemLists", "Patience", "Place", "ServingError", "Signature", "Tensor",
           "VersionStatus", "connect"]  # fmt: skip
