"""PyTorch's side: the expression that a user would write, on the same layout.

Images stay NHWC in memory, which PyTorch calls channels_last; convolutions run contiguous too, and
the faster counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.kernels.works import Passes, cotangents
from benchmarks.targets.cases import Part

NAME = f"PyTorch {torch.__version__}"
T = torch.Tensor


def set_threads(n: int) -> None:
    torch.set_num_threads(n)


def _nchw(x: T) -> T:
    return x.permute(0, 3, 1, 2)


def _nhwc(x: T) -> T:
    return x.permute(0, 2, 3, 1)


def _batch_norm(x: T, w: T, b: T) -> T:
    return _nhwc(F.batch_norm(_nchw(x), None, None, w, b, training=True))


def _group_norm(x: T, w: T, b: T, groups: int) -> T:
    return _nhwc(F.group_norm(_nchw(x), groups, w, b))


def _cross_entropy(x: T, p: T) -> T:
    return -(p * F.log_softmax(x, 1)).sum(1)


EXPRESSIONS: dict[str, Callable[..., T]] = {
    **{name: getattr(torch, name) for name in (
        "neg", "exp", "log", "abs", "sign", "sqrt", "square", "tanh", "sigmoid", "sin", "cos",
        "erf", "add", "sub", "mul", "div", "pow", "maximum", "minimum", "where")},
    "softplus": F.softplus,
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "elu": lambda x, alpha: F.elu(x, alpha),
    "leaky_relu": lambda x, negative_slope: F.leaky_relu(x, negative_slope),
    "power": lambda x, a: x**a,
    "scale": lambda x, a: x * a,
    "shift": lambda x, a: x + a,
    "clip": lambda x, low, high: torch.clamp(x, low, high),
    "logistic_loss": lambda x, target: F.binary_cross_entropy_with_logits(
        x, torch.full_like(x, target)),
    "logistic_loss_grad": lambda x, dy, target: dy / x.numel() * (torch.sigmoid(x) - target),
    "bce_with_logits": lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none"),
    "equal": torch.eq, "not_equal": torch.ne, "less": torch.lt, "less_equal": torch.le,
    "sum": lambda x, axis: x.sum(axis),
    "mean": lambda x: x.mean(),
    "norm": lambda x, axis: torch.linalg.vector_norm(x, dim=axis),
    "logsumexp": lambda x, axis: torch.logsumexp(x, axis),
    "max": lambda x, axis: torch.amax(x, axis),
    "min": lambda x, axis: torch.amin(x, axis),
    "argmax": lambda x, axis: torch.argmax(x, axis),
    "argmin": lambda x, axis: torch.argmin(x, axis),
    "sum_to": lambda x, shape: x.sum((0, 1, 2)),
    "transpose": lambda x, axes: x.permute(axes).contiguous(),
    "concat": lambda a, b, axis: torch.cat((a, b), axis),
    "gather": lambda x, i, axis: torch.index_select(x, axis, i),
    "take_along_axis": lambda x, i, axis: torch.gather(x, axis, i),
    "cumsum": lambda x, axis: torch.cumsum(x, axis),
    "sort": lambda x, axis: torch.sort(x, axis).values,
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    "softmax_cross_entropy": _cross_entropy,
    "matmul": torch.matmul,
    "batch_norm": _batch_norm,
    # F.batch_norm has no gradient in mean and var
    "batch_norm_eval": lambda x, w, b, m, v: (x - m) * torch.rsqrt(v + 1e-5) * w + b,
    "group_norm": _group_norm,
    "avg_pool2d": lambda x, kernel_size, stride: _nhwc(
        F.avg_pool2d(_nchw(x), kernel_size, stride)),
    "max_pool2d": lambda x, kernel_size, stride: _nhwc(
        F.max_pool2d(_nchw(x), kernel_size, stride)),
    "interpolate": lambda a, b, u: u.view(-1, 1, 1, 1) * a + (1 - u.view(-1, 1, 1, 1)) * b,
}  # fmt: skip
CONVOLUTIONS = {"conv2d": F.conv2d, "conv_transpose2d": F.conv_transpose2d}


def has(name: str) -> bool:
    return name in EXPRESSIONS or name in CONVOLUTIONS


def variants(part: Part) -> list[str]:
    return ["contiguous", "channels_last"] if part.kind in CONVOLUTIONS else ["eager"]


def make(part: Part, variant: str) -> Eager:
    which = Convolution if part.kind in CONVOLUTIONS else Eager
    return which(part.kind, part.size["pass"], variant)


class Eager(Passes):
    """The pass by an expression of `EXPRESSIONS`."""

    def __init__(self, name: str, which: str, variant: str) -> None:
        super().__init__(name, which)
        self.variant = variant
        self.xs = self.inputs()
        self.wanted = [x for x in self.xs if x.is_floating_point()]
        if which == "backward":
            for x in self.wanted:
                x.requires_grad_(True)
            self.y = self.call()
            (dy,) = cotangents(name, [self.array(self.y)])
            self.dy = self.cotangent(dy)

    def inputs(self) -> list[T]:
        return [torch.from_numpy(x.copy()) for x in self.example.inputs]

    def call(self) -> T:
        return EXPRESSIONS[self.name](*self.xs, **self.example.hyper)

    def cotangent(self, dy: np.ndarray) -> T:
        return torch.from_numpy(dy)

    def forward(self) -> Sequence[T]:
        with torch.no_grad():
            return [self.call()]

    def backward(self) -> Sequence[T]:
        grads = torch.autograd.grad(
            self.y, self.wanted, self.dy, retain_graph=True, allow_unused=True
        )
        return [
            torch.zeros_like(x) if g is None else g for x, g in zip(self.wanted, grads, strict=True)
        ]

    def array(self, value: Any) -> np.ndarray:
        return value.detach().numpy()


class Convolution(Eager):
    """NCHW or channels_last, prepared before the clock starts."""

    def _image(self, x: np.ndarray) -> T:
        t = _nchw(torch.from_numpy(x.copy()))
        return t if self.variant == "channels_last" else t.contiguous()

    def inputs(self) -> list[T]:
        x, w = self.example.inputs
        layout = torch.channels_last if self.variant == "channels_last" else torch.contiguous_format
        weight = torch.from_numpy(w.transpose(3, 2, 0, 1).copy())
        return [self._image(x), weight.contiguous(memory_format=layout)]

    def call(self) -> T:
        return CONVOLUTIONS[self.name](*self.xs, **self.example.hyper)

    def cotangent(self, dy: np.ndarray) -> T:
        return self._image(dy)

    def array(self, value: Any) -> np.ndarray:
        a = value.detach().numpy()
        return a.transpose(2, 3, 1, 0) if a.shape[2:] == (4, 4) else a.transpose(0, 2, 3, 1)
