"""Norms by a reference batch, and the network that keeps one (Salimans et al. 2016).

Batch normalisation lets the examples of a batch act on one another. These layers take the
statistics from a fixed reference batch instead, which travels through the network beside x as a
second input and output: a layer is called with ``(x, ref)`` and returns both::

    norm = pg.nn.VirtualBatchNorm(64)
    y, ref = norm(x, ref)

`Sequential` called with a pair runs every layer on both. `ReferenceSequential` holds the reference
batch itself, so that it is called with x alone, as any other network. The reference's activations
are computed again in every forward, since the weights change, and gradients flow through them.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError, ShapeError
from pygan.nn import init
from pygan.nn.checks import whole
from pygan.nn.module import Buffer, Module, Parameter, Sequential
from pygan.recording import unrecorded

__all__ = ["ReferenceBatchNorm", "ReferenceSequential", "VirtualBatchNorm"]


class _ByReference(Module):
    takes_reference = True

    def __init__(self, features: int, eps: float = 1e-5, affine: bool = True) -> None:
        me = type(self).__name__
        self.features = whole(me, "features", features)
        if not 0.0 <= eps < math.inf:
            raise ConfigError(f"{me}: eps must be finite and not negative, got {eps!r}")
        self.eps, self.affine = float(eps), bool(affine)
        self.weight = Parameter(pg.ones((features,))) if affine else None
        self.bias = Parameter(pg.zeros((features,))) if affine else None

    def reset_parameters(self, _: init.StreamOf | None = None) -> None:
        """Weight 1, bias 0. Nothing is drawn."""
        if self.weight is not None and self.bias is not None:
            init.constant_(self.weight, 1.0)
            init.constant_(self.bias, 0.0)

    def _check(self, x: Tensor, ref: Tensor | None) -> Tensor:
        if ref is None:
            raise ConfigError(
                f"{self.label()}: called without a reference batch; call it as norm(x, ref), or "
                "put it into a pg.nn.ReferenceSequential, which keeps one"
            )
        if x.ndim < 2 or x.shape[-1] != self.features or ref.shape[1:] != x.shape[1:]:
            raise ShapeError(
                f"{self.label()}: expected x (N, ..., {self.features}) and ref of the same shape "
                f"but for its length, got {x.shape} and {ref.shape}"
            )
        return ref

    def extra_repr(self) -> str:
        text = f"{self.features}" + (f", eps={self.eps:g}" if self.eps != 1e-5 else "")
        return text if self.affine else f"{text}, affine=False"


class VirtualBatchNorm(_ByReference):
    """Normalises each example by a reference batch and itself: (x, ref) -> (y, y_ref).

    ``y = (x - mu) / sqrt(var + eps) * weight + bias`` with the mean and variance, for each feature,
    of the n reference examples and the example, which counts for one of n + 1; ref is normalised by
    its plain batch statistics (`pg.ops.virtual_batch_norm`). Training and evaluation are the same.

    Args:
        features: extent of the last axis.
        eps: added to the (biased) variance.
        affine: whether there are a weight (starts at 1) and a bias (starts at 0), both (features,).

    Shapes: x ``(N, ..., features)``, ref ``(n, ..., features)``, equal but for N and n.

    Raises:
        ConfigError: a bad argument, or no reference batch. ShapeError: shapes that do not fit.

    Source: Salimans et al. 2016, "Improved techniques for training GANs", section 3.4.
    """

    joins_batches = True

    def forward(self, x: Tensor, ref: Tensor | None = None) -> tuple[Tensor, Tensor]:
        ref = self._check(x, ref)
        return pg.ops.virtual_batch_norm(x, ref, self.weight, self.bias, self.eps)


class ReferenceBatchNorm(_ByReference):
    """Normalises x by the statistics of a reference batch alone: (x, ref) -> (y, y_ref).

    As `VirtualBatchNorm`, but the example itself does not count. Cheaper; it overfits the reference
    batch more (Salimans et al. 2016, section 3.4).
    """

    joins_batches = True

    def forward(self, x: Tensor, ref: Tensor | None = None) -> tuple[Tensor, Tensor]:
        ref = self._check(x, ref)
        return pg.ops.reference_batch_norm(x, ref, self.weight, self.bias, self.eps)


class ReferenceSequential(Sequential):
    """A `Sequential` that keeps the reference batch of its layers, and is called with x alone.

    Where no layer takes a reference it is a plain `Sequential`. Otherwise `keep_reference` says its
    shape and `set_reference` its values, once, before the first forward; `pg.Trainer` sets a
    discriminator's from training images. The batch is a buffer: it is saved, moved and copied with
    the network.
    """

    joins_batches = True

    #: The reference batch (n, ...), and how many of its examples have been set: 0 or n.
    reference: Buffer | None = None
    reference_set: Buffer | None = None

    def keep_reference(self, shape: tuple[int, ...]) -> None:
        """Makes room for a reference batch of ``shape`` (n, ...) where some layer takes one."""
        if any(layer.takes_reference for layer in self):
            self.reference = Buffer(pg.zeros(shape), constant=True)
            self.reference_set = Buffer(np.zeros((), np.int64))

    @property
    def takes_reference(self) -> bool:
        """Whether it must be called with a pair: some layer takes a reference, and none is kept."""
        return self.reference is None and super().takes_reference

    @property
    def needs_reference(self) -> bool:
        """Whether a reference batch must be set before the network can run."""
        with unrecorded():
            return self.reference_set is not None and int(self.reference_set.item()) == 0

    def set_reference(self, batch: Any) -> Self:
        """Takes over the values of ``batch``, a tensor or array of the reference's shape.

        Raises:
            ConfigError: no layer takes a reference. ShapeError: another shape.
        """
        if self.reference is None or self.reference_set is None:
            raise ConfigError(f"{type(self).__name__}: no layer takes a reference batch")
        if tuple(batch.shape) != self.reference.shape:
            raise ShapeError(
                f"{type(self).__name__}: the reference batch must be {self.reference.shape}, "
                f"got {tuple(batch.shape)}"
            )
        values = batch.numpy() if isinstance(batch, Tensor) else np.asarray(batch)
        self.reference.assign_(values.astype(self.reference.dtype, copy=False))
        self.reference_set.assign_(np.array(len(values), np.int64))
        return self

    def forward(self, x: Tensor, ref: Tensor | None = None) -> Any:
        """The output for x; with a ``ref`` of the caller's own, the pair, as any `Sequential`."""
        if ref is not None or self.reference is None:
            return super().forward(x, ref)
        if self.needs_reference:
            raise ConfigError(
                f"{type(self).__name__}: its norm needs a reference batch; call "
                "set_reference(examples) first (pg.Trainer does so with training images)"
            )
        layers = list(self)
        # After the last norm nobody asks for the reference's activations.
        last = max(i for i, layer in enumerate(layers) if layer.takes_reference)
        ref = self.reference.detach()
        for layer in layers[: last + 1]:
            x, ref = layer.forward_pair(x, ref)
        for layer in layers[last + 1 :]:
            x = layer(x)
        return x
