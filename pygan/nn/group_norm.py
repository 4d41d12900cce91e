"""Norms that look at one sample at a time: layer, instance and group normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError, ShapeError
from pygan.nn import init
from pygan.nn.checks import whole
from pygan.nn.module import Module, Parameter

__all__ = ["GroupNorm", "InstanceNorm", "LayerNorm"]


class _SampleNorm(Module):
    """What the three share: eps, and a weight (starts at 1) and bias (starts at 0)."""

    def __init__(self, shape: tuple[int, ...], eps: float, affine: bool) -> None:
        if not 0.0 <= eps < math.inf:
            raise ConfigError(
                f"{type(self).__name__}: eps must be finite and not negative, got {eps!r}"
            )
        self.eps, self.affine = float(eps), bool(affine)
        self.weight = Parameter(pg.ones(shape)) if affine else None
        self.bias = Parameter(pg.zeros(shape)) if affine else None

    def reset_parameters(self, _: init.StreamOf | None = None) -> None:
        """Weight 1, bias 0. Nothing is drawn."""
        if self.weight is not None and self.bias is not None:
            init.constant_(self.weight, 1.0)
            init.constant_(self.bias, 0.0)

    def _text(self, text: str) -> str:
        text += f", eps={self.eps:g}" if self.eps != 1e-5 else ""
        return text if self.affine else f"{text}, affine=False"


class GroupNorm(_SampleNorm):
    """Normalises each sample over its positions and the features of a group; PyTorch's defaults.

    Args:
        groups: number of groups that the features fall into; 1 is layer normalisation over the
            whole sample with one gain a feature.
        features: extent of the last axis, a multiple of `groups`.
        eps: added to the (biased) variance.
        affine: whether there are a weight and a bias, both (features,).

    Shapes: ``(N, ..., features)``, the same out.

    Raises:
        ConfigError: a bad argument. ShapeError: another shape of x, or one value a group.

    Source: Wu and He 2018, "Group normalization".
    """

    joins_batches = True

    def __init__(self, groups: int, features: int, eps: float = 1e-5, affine: bool = True) -> None:
        self.groups = whole("GroupNorm", "groups", groups)
        self.features = whole("GroupNorm", "features", features)
        if features % groups:
            raise ConfigError(f"GroupNorm: groups={groups} must divide features={features}")
        super().__init__((features,), eps, affine)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[-1] != self.features:
            raise ShapeError(f"{self.label()}: expected (N, ..., {self.features}), got {x.shape}")
        if math.prod(x.shape[1:]) == self.groups:
            raise ShapeError(f"{self.label()}: {x.shape} has one value a group; use fewer groups")
        return pg.ops.group_norm(x, self.groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return self._text(f"{self.groups}, {self.features}")


class InstanceNorm(_SampleNorm):
    """Normalises each feature of each sample over its positions; PyTorch's defaults.

    Args:
        features: extent of the last axis.
        eps: added to the (biased) variance.
        affine: whether there are a weight and a bias, both (features,); PyTorch's default is not.

    Shapes: ``(N, H, W, features)`` or ``(N, ..., features)``, the same out.

    Raises:
        ConfigError: a bad argument. ShapeError: another shape of x, or a single position.

    Source: Ulyanov, Vedaldi and Lempitsky 2016, "Instance normalization".
    """

    joins_batches = True

    def __init__(self, features: int, eps: float = 1e-5, affine: bool = False) -> None:
        self.features = whole("InstanceNorm", "features", features)
        super().__init__((features,), eps, affine)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 3 or x.shape[-1] != self.features or math.prod(x.shape[1:-1]) == 1:
            raise ShapeError(
                f"{self.label()}: expected (N, H, W, {self.features}) with more than one position, "
                f"got {x.shape}"
            )
        return pg.ops.instance_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.features}" + (f", eps={self.eps:g}" if self.eps != 1e-5 else "")
        return f"{text}, affine=True" if self.affine else text


class LayerNorm(_SampleNorm):
    """Normalises over the last axes, all their values together; PyTorch's defaults.

    Args:
        shape: extents of the axes that are normalised over: a number or several.
        eps: added to the (biased) variance.
        affine: whether there are a weight and a bias, both of `shape`.

    Shapes: ``(..., *shape)``, the same out.

    Raises:
        ConfigError: a bad argument. ShapeError: another shape of x.

    Source: Ba, Kiros and Hinton 2016, "Layer normalization".
    """

    @property
    def joins_batches(self) -> bool:  # type: ignore[override]
        """Several axes might be all of x's, the batch among them."""
        return len(self.shape) == 1

    def __init__(self, shape: int | Sequence[int], eps: float = 1e-5, affine: bool = True) -> None:
        extents = (shape,) if isinstance(shape, int) else tuple(shape)
        if not extents:
            raise ConfigError("LayerNorm: shape must have at least one extent")
        self.shape = tuple(whole("LayerNorm", "each extent of shape", n) for n in extents)
        super().__init__(self.shape, eps, affine)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-len(self.shape) :] != self.shape:
            expected = ", ".join(["...", *map(str, self.shape)])
            raise ShapeError(f"{self.label()}: expected ({expected}), got {x.shape}")
        return pg.ops.layer_norm(x, len(self.shape), self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return self._text(str(self.shape[0] if len(self.shape) == 1 else self.shape))
