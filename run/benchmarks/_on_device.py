"""The contenders of `gpu.py`: epochs on a GPU where there is one, else on the processor."""

import time

import numpy as np

LEARNING_RATE = 0.001


class DeviceEpoch:
    """Whole epochs of NeuMF by the compiled engine, which draws its examples on the device.

    Args:
        path, dataset: of the data.
        factors: predictive factors.
        layers: of the MLP.
        batch_size: examples a step.
        precision: of the products.
    """

    def __init__(
        self, path: str, dataset: str, factors: int, layers: list[int], batch_size: int, precision: str
    ):
        from ncf_keras.cli.console import import_tensorflow_quietly

        import_tensorflow_quietly()
        import tensorflow as tf
        from _workloads import load_dataset

        from ncf_keras.models import build_neumf
        from ncf_keras.sampling import DeviceSampler
        from ncf_keras.training import CompiledEngine

        data = load_dataset(path, dataset)
        model = build_neumf(data.num_users, data.num_items, factors, layers, [0] * len(layers), seed=1)
        sampler = DeviceSampler(data, 4, seed=0)
        self._engine = CompiledEngine(model, sampler, "adam", LEARNING_RATE, batch_size, precision=precision)
        cards = [
            tf.config.experimental.get_device_details(card)["device_name"]
            for card in tf.config.list_physical_devices("GPU")
        ]
        self.about = {
            "device": ", ".join(cards) or "the processor",
            "parameters": model.count_params(),
            "examples": sampler.num_examples,
        }

    def measure(self) -> dict:
        """Return the seconds of an epoch, and its loss."""
        started = time.perf_counter()
        loss = self._engine.train_epoch()
        return {"seconds": time.perf_counter() - started, "loss": loss}


class TorchOnDevice:
    """Steps of a PyTorch NeuMF with fused Adam over examples that lie on the device, drawn beforehand.

    Args:
        examples: a file of them, at least a batch.
        num_users, num_items: of the tables.
        factors, layers, batch_size, precision: as of `DeviceEpoch`.
        graph: capture a step as a CUDA graph and replay it.
    """

    def __init__(
        self,
        examples: str,
        num_users: int,
        num_items: int,
        factors: int,
        layers: list[int],
        batch_size: int,
        precision: str,
        graph: bool,
    ):
        import torch
        from _torch_models import Gmf, Mlp, Model

        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.manual_seed(1)
        self._bfloat16 = precision == "bfloat16"
        with np.load(examples) as arrays:
            columns = [arrays["users"].astype(np.int64), arrays["items"].astype(np.int64), arrays["labels"]]
        self._columns = [torch.from_numpy(column).to(self._device) for column in columns]
        self._batch = [column[:batch_size].clone() for column in self._columns]
        self._batches = len(columns[0]) // batch_size
        model = Model(Gmf(num_users, num_items, factors), Mlp(num_users, num_items, layers))
        self._model = model.to(self._device)
        self._optimizer = torch.optim.Adam(
            self._model.parameters(), lr=LEARNING_RATE, fused=True, capturable=graph
        )
        self._loss = torch.zeros([], device=self._device)
        self._graph = self._captured() if graph else None
        name = torch.cuda.get_device_name() if self._device == "cuda" else "the processor"
        self.about = {"device": name, "parameters": sum(each.numel() for each in self._model.parameters())}

    def measure(self, steps: int) -> dict:
        """Return the seconds of `steps` steps, and the loss of the last."""
        started = time.perf_counter()
        for step in range(steps):
            size, place = len(self._batch[0]), step % self._batches
            for mine, column in zip(self._batch, self._columns, strict=True):
                mine.copy_(column[place * size : (place + 1) * size])
            if self._graph is None:
                self._step()
            else:
                self._graph.replay()
        # It waits for the device.
        loss = self._loss.item()
        return {"seconds": time.perf_counter() - started, "loss": loss}

    def _step(self) -> None:
        torch = self._torch
        users, items, labels = self._batch
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self._device, torch.bfloat16, enabled=self._bfloat16):
            logits = self._model(users, items)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)
        loss.backward()
        self._optimizer.step()
        self._loss.copy_(loss.detach())

    def _captured(self) -> object:
        """Return a CUDA graph of a step, after three on a stream of their own, as PyTorch's notes ask for."""
        torch = self._torch
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        return graph
