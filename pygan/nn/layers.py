"""Layers with weights, and those that only change shapes. Images are (N, H, W, C)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError, ShapeError
from pygan.nn import init
from pygan.nn.checks import pair, whole
from pygan.nn.module import Module, Parameter

__all__ = ["Conv2d", "ConvTranspose2d", "Flatten", "GlobalAvgPool", "Linear", "Reshape"]


class Linear(Module):
    """``y = x @ weight + bias``.

    Args:
        in_features, out_features: extents of the last axis before and after.
        bias: whether there is one.

    Shapes: x ``(N, in)``, weight ``(in, out)``, bias ``(out,)`` -> ``(N, out)``.

    Raises:
        ConfigError: a bad argument. ShapeError: another shape of x.
    """

    joins_batches = True

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.in_features = whole("Linear", "in_features", in_features)
        self.out_features = whole("Linear", "out_features", out_features)
        self.weight = Parameter(pg.zeros((in_features, out_features)))
        self.bias = Parameter(pg.zeros((out_features,))) if bias else None
        init.on_construction(self)

    def reset_parameters(self, stream_of: init.StreamOf) -> None:
        """PyTorch's default: weight and bias uniform in +-1/sqrt(in_features)."""
        init.fan_in_uniform_(self.weight, self.bias, stream_of)

    def forward(self, x: Tensor) -> Tensor:
        return self.with_weight(x, self.weight)

    def with_weight(self, x: Tensor, weight: Tensor) -> Tensor:
        """`forward` with another weight of the same shape, for norms that compute it."""
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ShapeError(f"{self.label()}: expected (N, {self.in_features}), got {x.shape}")
        y = pg.ops.matmul(x, weight)
        return y if self.bias is None else y + self.bias

    def weight_matrix(self) -> Tensor:
        """The weight as (inputs of one output feature, output features): here it is that."""
        return self.weight

    def label(self) -> str:
        return f"Linear({self.in_features}, {self.out_features})"

    def extra_repr(self) -> str:
        text = f"{self.in_features}, {self.out_features}"
        return text if self.bias is not None else f"{text}, bias=False"


class _Conv(Module):
    """What the two convolutions share: arguments, weight, bias, text."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        padding: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        bias: bool,
    ) -> None:
        me = type(self).__name__
        self.in_channels = whole(me, "in_channels", in_channels)
        self.out_channels = whole(me, "out_channels", out_channels)
        self.kernel_size = pair(me, "kernel_size", kernel_size)
        self.stride = pair(me, "stride", stride)
        self.padding = pair(me, "padding", padding, least=0)
        self.dilation = pair(me, "dilation", dilation)
        self.groups = whole(me, "groups", groups)
        if in_channels % groups or out_channels % groups:
            raise ConfigError(
                f"{self.label()}: groups={groups} must divide both numbers of channels"
            )
        self.weight = Parameter(pg.zeros((*self.kernel_size, *self._channels())))
        self.bias = Parameter(pg.zeros((out_channels,))) if bias else None
        init.on_construction(self)

    def _channels(self) -> tuple[int, int]:
        """The last two extents of the weight."""
        raise NotImplementedError

    def reset_parameters(self, stream_of: init.StreamOf) -> None:
        """PyTorch's default: weight and bias uniform in +-1/sqrt(fan_in)."""
        init.fan_in_uniform_(self.weight, self.bias, stream_of)

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[3] != self.in_channels:
            raise ShapeError(
                f"{self.label()}: expected (N, H, W, {self.in_channels}), got {x.shape}"
            )

    def forward(self, x: Tensor) -> Tensor:
        return self.with_weight(x, self.weight)

    def with_weight(self, x: Tensor, weight: Tensor) -> Tensor:
        """`forward` with another weight of the same shape, for norms that compute it."""
        raise NotImplementedError

    def _add_bias(self, y: Tensor) -> Tensor:
        return y if self.bias is None else y + self.bias

    def label(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels})"

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}"
        defaults = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
        for name in ("kernel_size", *defaults):
            h, w = getattr(self, name, (0, 0))
            if name == "kernel_size" or (h, w) != (defaults[name],) * 2:
                text += f", {name}={h if h == w else (h, w)}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text if self.bias is not None else f"{text}, bias=False"


class Conv2d(_Conv):
    """2-D convolution (cross-correlation): `pygan.ops.conv2d` plus a bias.

    Args:
        in_channels, out_channels: extents of the last axis before and after.
        kernel_size, stride, padding, dilation: an int or a pair (height, width).
        groups: channels fall into this many groups that do not see each other.
        bias: whether there is one.

    Shapes: x ``(N, H, W, C_in)``, weight ``(kh, kw, C_in/groups, C_out)`` -> ``(N, H', W', C_out)``
    with ``H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1``.

    Raises:
        ConfigError: a bad argument. ShapeError: another shape of x, or no output position.
    """

    joins_batches = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )

    def _channels(self) -> tuple[int, int]:
        return self.in_channels // self.groups, self.out_channels

    def with_weight(self, x: Tensor, weight: Tensor) -> Tensor:
        self._check(x)
        y = pg.ops.conv2d(x, weight, self.stride, self.padding, self.dilation, self.groups)
        return self._add_bias(y)

    def weight_matrix(self) -> Tensor:
        """The weight as (kh kw C_in/groups, C_out)."""
        return self.weight.reshape(-1, self.out_channels)


class ConvTranspose2d(_Conv):
    """Transposed convolution: `pygan.ops.conv_transpose2d` plus a bias.

    It is the adjoint of the convolution with the same weight; with stride 2 it doubles a picture
    (what the literature of 2016 calls a fractionally strided convolution).

    Args:
        in_channels, out_channels: extents of the last axis before and after.
        kernel_size, stride, padding, dilation: an int or a pair (height, width), those of the
            convolution that it transposes.
        output_padding: extra rows and columns at the end, less than the stride.
        groups: channels fall into this many groups that do not see each other.
        bias: whether there is one.

    Shapes: x ``(N, H, W, C_in)``, weight ``(kh, kw, C_out/groups, C_in)`` -> ``(N, H', W', C_out)``
    with ``H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1``.

    Raises:
        ConfigError: a bad argument. ShapeError: another shape of x, or no output position.
    """

    joins_batches = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        self.output_padding = pair("ConvTranspose2d", "output_padding", output_padding, least=0)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )
        if any(extra >= s for extra, s in zip(self.output_padding, self.stride, strict=True)):
            raise ConfigError(
                f"{self.label()}: output_padding={self.output_padding} must be less than "
                f"stride={self.stride}"
            )

    def _channels(self) -> tuple[int, int]:
        return self.out_channels // self.groups, self.in_channels

    def with_weight(self, x: Tensor, weight: Tensor) -> Tensor:
        self._check(x)
        y = pg.ops.conv_transpose2d(
            x,
            weight,
            self.stride,
            self.padding,
            self.output_padding,
            self.dilation,
            self.groups,
        )
        return self._add_bias(y)

    def weight_matrix(self) -> Tensor:
        """The weight as (kh kw C_in, C_out/groups)."""
        outputs = self.out_channels // self.groups
        return pg.ops.transpose(self.weight, (0, 1, 3, 2)).reshape(-1, outputs)


class Flatten(Module):
    """``(N, ...) -> (N, everything)``, keeping the order (H, W, C)."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 1:
            raise ShapeError(f"Flatten(): expected (N, ...), got {x.shape}")
        return pg.ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class GlobalAvgPool(Module):
    """The mean over all positions: ``(N, H, W, C) -> (N, C)`` (Lin et al. 2014)."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ShapeError(f"GlobalAvgPool(): expected (N, H, W, C), got {x.shape}")
        return pg.ops.mean(x, axis=(1, 2))


class Reshape(Module):
    """``(N, ...) -> (N, *shape)``.

    Args:
        shape: of one sample, without the batch.

    Raises:
        ConfigError: a bad shape. ShapeError: samples of another size.
    """

    joins_batches = True

    def __init__(self, shape: Sequence[int]) -> None:
        if not isinstance(shape, (tuple, list)):
            raise ConfigError(f"Reshape: shape must be a tuple, got {shape!r}")
        self.shape = tuple(whole("Reshape", "each extent", extent) for extent in shape)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 1 or math.prod(x.shape[1:]) != math.prod(self.shape):
            raise ShapeError(
                f"{self.label()}: expected {math.prod(self.shape)} values a sample, got {x.shape}"
            )
        return pg.ops.reshape(x, (x.shape[0], *self.shape))

    def extra_repr(self) -> str:
        return f"{self.shape}"
