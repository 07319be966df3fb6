"""GMF, MLP and NeuMF as anyone would write them in PyTorch; they return logits of shape (batch,)."""

import itertools

import torch
from torch import nn


class Gmf(nn.Module):
    """The element-wise product of two embeddings."""

    def __init__(self, num_users: int, num_items: int, factors: int):
        super().__init__()
        self.user = _embedding(num_users, factors)
        self.item = _embedding(num_items, factors)
        self.width = factors

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Return the vector before the output layer: shape (batch, width)."""
        return self.user(users) * self.item(items)


class Mlp(nn.Module):
    """A tower of ReLU layers over two embeddings side by side; `layers[0]` is the width of both together."""

    def __init__(self, num_users: int, num_items: int, layers: list[int]):
        super().__init__()
        self.user = _embedding(num_users, layers[0] // 2)
        self.item = _embedding(num_items, layers[0] // 2)
        pairs = itertools.pairwise(layers)
        self.tower = nn.Sequential(*(part for pair in pairs for part in (nn.Linear(*pair), nn.ReLU())))
        self.width = layers[-1]

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Return the vector before the output layer: shape (batch, width)."""
        return self.tower(torch.cat([self.user(users), self.item(items)], dim=1))


class Model(nn.Module):
    """One or two towers and the output layer."""

    def __init__(self, *towers: nn.Module):
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self.prediction = nn.Linear(sum(tower.width for tower in towers), 1)

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        vectors = [tower(users, items) for tower in self.towers]
        return self.prediction(torch.cat(vectors, dim=1) if len(vectors) > 1 else vectors[0])[:, 0]


def build(model: str, factors: int, num_users: int, num_items: int) -> Model:
    """Build GMF, MLP or NeuMF with the sizes of `_workloads.build`."""
    towers = {
        "GMF": lambda: Gmf(num_users, num_items, factors),
        "MLP": lambda: Mlp(num_users, num_items, [8 * factors, 4 * factors, 2 * factors, factors]),
    }
    return Model(*(towers[name]() for name in (("GMF", "MLP") if model == "NeuMF" else (model,))))


def _embedding(rows: int, width: int) -> nn.Embedding:
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=0.01)
    return table
