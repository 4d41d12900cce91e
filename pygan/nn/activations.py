"""Activations as layers: `pygan.ops` with a place in a `Sequential`."""

from __future__ import annotations

import math

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError
from pygan.nn.module import Module

__all__ = [
    "ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus",
    "Tanh",
]  # fmt: skip


class ReLU(Module):
    """max(x, 0); the derivative at 0 is 0."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope x (Maas et al. 2013). DCGAN's discriminator has 0.2."""

    joins_batches = True

    def __init__(self, negative_slope: float = 0.01) -> None:
        number = isinstance(negative_slope, (int, float)) and not isinstance(negative_slope, bool)
        if not (number and math.isfinite(negative_slope)):
            raise ConfigError(f"LeakyReLU: negative_slope must be finite, got {negative_slope!r}")
        self.negative_slope = float(negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope:g}"


class ELU(Module):
    """x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2016)."""

    joins_batches = True

    def __init__(self, alpha: float = 1.0) -> None:
        if not math.isfinite(alpha):
            raise ConfigError(f"ELU: alpha must be finite, got {alpha!r}")
        self.alpha = float(alpha)

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"{self.alpha:g}"


class GELU(Module):
    """x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016).

    approximate="tanh" takes x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 instead.
    """

    joins_batches = True

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ConfigError(f'GELU: approximate must be "none" or "tanh", got {approximate!r}')
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return "" if self.approximate == "none" else self.approximate


class SiLU(Module):
    """x sigmoid(x) (Hendrycks and Gimpel 2016; Ramachandran et al. 2017)."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.silu(x)


class Tanh(Module):
    """tanh(x)."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.sigmoid(x)


class Softplus(Module):
    """log(1 + exp(x))."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.softplus(x)


class _AlongAxis(Module):
    def __init__(self, axis: int = -1) -> None:
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ConfigError(f"{type(self).__name__}: axis must be a whole number, got {axis!r}")
        self.axis = axis

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class Softmax(_AlongAxis):
    """exp(x) / sum exp(x) along an axis, the last one by default."""

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.softmax(x, self.axis)


class LogSoftmax(_AlongAxis):
    """x - log sum exp(x) along an axis, the last one by default."""

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.log_softmax(x, self.axis)
