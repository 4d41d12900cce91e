"""Batch normalisation with running statistics (Ioffe and Szegedy 2015)."""

from __future__ import annotations

import numpy as np

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError, ShapeError
from pygan.nn import batches, init, pending
from pygan.nn.activations import LeakyReLU, ReLU
from pygan.nn.checks import whole
from pygan.nn.module import Buffer, Module, Parameter

__all__ = ["BatchNorm"]


class BatchNorm(Module):
    """Normalises each feature (the last axis) over all other axes; PyTorch's defaults.

    Training: ``y = (x - mean) / sqrt(var + eps) * weight + bias`` with the batch's mean and biased
    variance, and ``running = (1 - momentum) running + momentum statistic``, the variance unbiased
    there (n / (n - 1)). Evaluation: the same formula with the running statistics.

    Several batches in one pass (`pygan.nn.batches`) have statistics of their own each.

    Running statistics are written through `pygan.nn.pending`: at the end of a forward, or, inside a
    transaction, when it commits.

    Args:
        features: extent of the last axis.
        eps: added to the variance.
        momentum: share of the new statistic, in [0, 1].
        affine: whether there are a weight (starts at 1) and a bias (starts at 0), both (features,).

    Shapes: ``(N, features)`` or ``(N, ..., features)``, the same out.

    Raises:
        ConfigError: a bad argument.
        ShapeError: another number of features, or fewer than two values per feature in training.

    Source: Ioffe and Szegedy 2015, "Batch normalization", algorithm 1.
    """

    joins_batches = True

    def __init__(
        self, features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        self.features = whole("BatchNorm", "features", features)
        if not 0.0 <= momentum <= 1.0:
            raise ConfigError(f"BatchNorm: momentum must be in [0, 1], got {momentum!r}")
        if not 0.0 <= eps < float("inf"):
            raise ConfigError(f"BatchNorm: eps must be finite and not negative, got {eps!r}")
        self.eps, self.momentum, self.affine = float(eps), float(momentum), bool(affine)
        self.weight = Parameter(pg.ones((features,))) if affine else None
        self.bias = Parameter(pg.zeros((features,))) if affine else None
        self.running_mean = Buffer(pg.zeros((features,)))
        self.running_var = Buffer(pg.ones((features,)))
        self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def reset_parameters(self, _: init.StreamOf | None = None) -> None:
        """Weight 1, bias 0, and no statistics yet (mean 0, variance 1). Nothing is drawn."""
        if self.weight is not None and self.bias is not None:
            init.constant_(self.weight, 1.0)
            init.constant_(self.bias, 0.0)
        init.constant_(self.running_mean, 0.0)
        init.constant_(self.running_var, 1.0)
        self.num_batches_tracked.assign_(np.zeros((), np.int64))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[-1] != self.features:
            raise ShapeError(f"{self.label()}: expected (N, ..., {self.features}), got {x.shape}")
        if not self.training:
            mean, var = pending.read(self.running_mean), pending.read(self.running_var)
            return pg.ops.batch_norm_eval(x, self.weight, self.bias, mean, var, self.eps)
        return self._batch(x, None)

    def forward_then(self, following: Module, x: Tensor) -> Tensor | None:
        """Training, and a ReLU or LeakyReLU behind: `pygan.ops.batch_norm_leaky_relu`."""
        slope = _slope(following)
        plain = type(self).forward is BatchNorm.forward and type(self).__call__ is Module.__call__
        fits = x.ndim >= 2 and x.shape[-1] == self.features
        if slope is None or not (self.training and fits and plain) or "forward" in vars(self):
            return None
        return self._batch(x, slope)

    def _batch(self, x: Tensor, slope: float | None) -> Tensor:
        parts = batches.parts()
        count = x.size // self.features // parts
        if count < 2:
            raise ShapeError(
                f"{self.label()}: training needs at least 2 values per feature, got "
                f"{(x.shape[0] // parts, *x.shape[1:])}; "
                "use a larger batch or eval()"
            )
        if slope is None:
            y, mean, var = pg.ops.batch_norm(x, self.weight, self.bias, self.eps, parts)
        else:
            y, mean, var = pg.ops.batch_norm_leaky_relu(
                x, self.weight, self.bias, slope, self.eps, parts
            )
        if parts == 1:
            self._track(mean, var, count)
        else:
            for i in range(parts):  # as that many forwards would
                self._track(mean[i], var[i], count)
        return y

    def _track(self, mean: Tensor, var: Tensor, count: int) -> None:
        m = self.momentum
        with pg.no_grad():
            for buffer, new in (
                (self.running_mean, mean),
                (self.running_var, var * (count / (count - 1))),
            ):
                pending.write(buffer, pending.read(buffer) * (1.0 - m) + new * m)
        pending.increment(self.num_batches_tracked)

    def extra_repr(self) -> str:
        text = f"{self.features}"
        if self.eps != 1e-5:
            text += f", eps={self.eps:g}"
        if self.momentum != 0.1:
            text += f", momentum={self.momentum:g}"
        return text if self.affine else f"{text}, affine=False"


def _slope(module: Module) -> float | None:
    """The slope of a layer that is a leaky ReLU and nothing else, if it is not negative."""
    if "forward" in vars(module):
        return None
    if type(module) is ReLU:
        return 0.0
    if type(module) is LeakyReLU and module.negative_slope >= 0:
        return module.negative_slope
    return None
