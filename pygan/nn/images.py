"""Layers without weights for images (N, H, W, C): pooling, resizing, borders."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError, ShapeError
from pygan.nn.checks import pair, whole
from pygan.nn.module import Module

__all__ = [
    "AvgPool2d",
    "GlobalAvgPool2d",
    "MaxPool2d",
    "PixelShuffle",
    "ReflectionPad2d",
    "ReplicationPad2d",
    "Upsample",
    "ZeroPad2d",
]


def _short(value: tuple) -> object:
    """One number where all of the pair are equal."""
    return value[0] if len(set(value)) == 1 else value


class _Pool(Module):
    """What the two pools share: the window."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None,
        padding: int | Sequence[int],
    ) -> None:
        me = type(self).__name__
        self.kernel_size = pair(me, "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair(me, "stride", stride)
        self.padding = pair(me, "padding", padding, least=0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ConfigError(
                f"{me}: padding={_short(self.padding)} must be at most half of "
                f"kernel_size={_short(self.kernel_size)}"
            )

    def extra_repr(self) -> str:
        text = f"{_short(self.kernel_size)}"
        if self.stride != self.kernel_size:
            text += f", stride={_short(self.stride)}"
        return text if self.padding == (0, 0) else f"{text}, padding={_short(self.padding)}"


class AvgPool2d(_Pool):
    """The mean of each window: `pygan.ops.avg_pool2d`.

    Args:
        kernel_size, stride, padding: an int or a pair (height, width); stride None: kernel_size.
        count_include_pad: whether the zeros of the padding count.

    Shapes: x ``(N, H, W, C)`` -> ``(N, H', W', C)``, ``H' = (H + 2 padding - kh) // stride + 1``.

    Raises:
        ConfigError: a bad argument. ShapeError: not images, or no window fits.
    """

    joins_batches = True

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = bool(count_include_pad)

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.count_include_pad
        )

    def extra_repr(self) -> str:
        text = super().extra_repr()
        return text if self.count_include_pad else f"{text}, count_include_pad=False"


class MaxPool2d(_Pool):
    """The maximum of each window: `pygan.ops.max_pool2d`. Padding never wins; ties: the first.

    Args:
        kernel_size, stride, padding, dilation: an int or a pair (height, width); stride None:
            kernel_size.

    Shapes: x ``(N, H, W, C)`` -> ``(N, H', W', C)``,
    ``H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1``.

    Raises:
        ConfigError: a bad argument. ShapeError: not images, or no window fits.
    """

    joins_batches = True

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.dilation = pair("MaxPool2d", "dilation", dilation)

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        text = super().extra_repr()
        return text if self.dilation == (1, 1) else f"{text}, dilation={_short(self.dilation)}"


class GlobalAvgPool2d(Module):
    """The mean over the positions of each image: ``(N, H, W, C) -> (N, C)`` (Lin et al. 2013)."""

    joins_batches = True

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ShapeError(f"GlobalAvgPool2d(): expected (N, H, W, C), got {x.shape}")
        return pg.ops.mean(x, axis=(1, 2))


class Upsample(Module):
    """Images enlarged by a factor: `pygan.ops.upsample`.

    Args:
        scale: a number or a pair (height, width).
        mode: "nearest", "nearest-exact", "bilinear" or "bicubic".
        align_corners: bilinear and bicubic: keep the corner pixels' centres.

    Shapes: x ``(N, H, W, C)`` -> ``(N, floor(H scale), floor(W scale), C)``.

    Raises:
        ConfigError: a bad argument. ShapeError: not images, or nothing would be left.
    """

    joins_batches = True

    MODES = ("nearest", "nearest-exact", "bilinear", "bicubic")

    def __init__(
        self,
        scale: float | tuple[float, float],
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        both = tuple(scale) if isinstance(scale, (tuple, list)) else (scale, scale)
        numbers = all(isinstance(s, (int, float)) and not isinstance(s, bool) for s in both)
        if len(both) != 2 or not numbers or not all(0 < s < math.inf for s in both):
            raise ConfigError(
                f"Upsample: scale must be a positive number or a pair of them, got {scale!r}"
            )
        if mode not in self.MODES:
            raise ConfigError(
                f"Upsample: mode must be one of {', '.join(self.MODES)}, got {mode!r}"
            )
        if align_corners and mode.startswith("nearest"):
            raise ConfigError("Upsample: align_corners is for bilinear and bicubic")
        self.scale = (both[0], both[1])
        self.mode = mode
        self.align_corners = bool(align_corners)

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.upsample(x, self.scale, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        text = f"{_short(self.scale)}, mode={self.mode!r}"
        return f"{text}, align_corners=True" if self.align_corners else text


class PixelShuffle(Module):
    """Channels to pixels: ``(N, H, W, C r^2) -> (N, H r, W r, C)``, `pygan.ops.pixel_shuffle`.

    Args:
        r: the factor by which height and width grow.

    Raises:
        ConfigError: a bad argument. ShapeError: r^2 does not divide the channels.

    Source: Shi et al. 2016, arXiv:1609.05158.
    """

    joins_batches = True

    def __init__(self, r: int) -> None:
        self.r = whole("PixelShuffle", "r", r)

    def forward(self, x: Tensor) -> Tensor:
        return pg.ops.pixel_shuffle(x, self.r)

    def extra_repr(self) -> str:
        return f"{self.r}"


class _Pad2d(Module):
    """A border of ``padding`` pixels, an int or a pair (height, width), on each side."""

    mode = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        self.padding = pair(type(self).__name__, "padding", padding, least=0)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ShapeError(f"{self.label()}: expected (N, H, W, C), got {x.shape}")
        h, w = self.padding
        return pg.ops.pad(x, ((0, 0), (h, h), (w, w), (0, 0)), mode=self.mode)

    def extra_repr(self) -> str:
        return f"{_short(self.padding)}"


class ZeroPad2d(_Pad2d):
    """A border of zeros: ``(N, H, W, C) -> (N, H + 2 ph, W + 2 pw, C)``."""

    joins_batches = True


class ReflectionPad2d(_Pad2d):
    """A border that mirrors the image, its edge not repeated; narrower than the image.

    ``(N, H, W, C) -> (N, H + 2 ph, W + 2 pw, C)``; ShapeError where ph >= H or pw >= W.
    """

    joins_batches = True

    mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """A border that repeats the edge: ``(N, H, W, C) -> (N, H + 2 ph, W + 2 pw, C)``."""

    joins_batches = True

    mode = "replicate"
