"""Learned vectors of whole numbers: class labels, for one."""

from __future__ import annotations

import pygan as pg
from pygan._core import Tensor
from pygan.nn import init
from pygan.nn.checks import whole
from pygan.nn.module import Module, Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """``y[k] = weight[indices[k]]``: one row of the weight an index.

    Args:
        entries: number of rows.
        features: extent of a row.

    Shapes: int64 indices ``(k...)`` in [-entries, entries), weight ``(entries, features)`` ->
    ``(k..., features)``.

    Raises:
        ConfigError: a bad argument. ShapeError: an index out of range, which it names with its
            position. DTypeError: indices that are not int64.
    """

    def __init__(self, entries: int, features: int) -> None:
        self.entries = whole("Embedding", "entries", entries)
        self.features = whole("Embedding", "features", features)
        self.weight = Parameter(pg.zeros((entries, features)))
        init.on_construction(self)

    def reset_parameters(self, stream_of: init.StreamOf) -> None:
        """PyTorch's default: standard normal."""
        init.normal_(self.weight, 0.0, 1.0, stream_of("weight"))

    def forward(self, indices: Tensor) -> Tensor:
        return pg.ops.embedding(self.weight, indices)

    def extra_repr(self) -> str:
        return f"{self.entries}, {self.features}"
