"""Spectral normalisation: a weight divided by its largest singular value (Miyato et al. 2018)."""

from __future__ import annotations

import pygan as pg
from pygan._core import Tensor
from pygan.errors import ConfigError
from pygan.nn import init, pending
from pygan.nn.layers import Conv2d, ConvTranspose2d, Linear
from pygan.nn.module import Buffer, Module

__all__ = ["SpectralNorm"]

_WARM_UP = 15  # power iterations on the initial weight


class SpectralNorm(Module):
    """A layer whose weight W is used as W / sigma, sigma an estimate of W's spectral norm.

    With M the weight as a matrix (inputs of one output feature, output features)::

        v = M u / |M u|,  u' = M^T v / |M^T v|         training: one power iteration a forward
        v = M u / |M u|,  u' = u / |u|                 evaluation: the stored vector
        sigma = v^T M u'

    u and v are constants to derivatives of any order; sigma's derivative in M is v u'^T, so what
    reaches the raw weight is ``(dW_sn - <dW_sn, W_sn> v u'^T) / sigma`` with W_sn = W / sigma. The
    bias is left alone.

    Only u is state (a `Buffer`). It is written through `pygan.nn.pending`: at the end of a forward,
    or, inside a transaction, when it commits. So every training forward sees a new u: in an update
    of D on real samples and fakes, which are one pass (`pygan.nn.batches`), then a penalty, the two
    passes have weights of two successive iterations, which differ less and less as u follows a
    slowly moving weight. A pass whose transaction is dropped, such as D's in an update of G, leaves
    no trace.

    A convolution's M is its kernel reshaped, as in the paper. The Lipschitz constant of the
    convolution itself is at most sqrt(kh kw) times larger, of a `Linear` layer it is sigma.

    Args:
        layer: a `Linear`, `Conv2d` or `ConvTranspose2d`. Its weight must not be zero: 0 / 0.

    Shapes: those of the layer; u ``(output features,)``.

    Raises:
        ConfigError: another layer.

    Source: Miyato et al. 2018, "Spectral normalization for generative adversarial networks",
    algorithm 1.
    """

    joins_batches = True

    def __init__(self, layer: Module) -> None:
        if not isinstance(layer, (Linear, Conv2d, ConvTranspose2d)):
            raise ConfigError(
                "SpectralNorm: layer must be a Linear, Conv2d or ConvTranspose2d, "
                f"got {type(layer).__name__}"
            )
        self.layer = layer
        features = layer.weight_matrix().shape[1]
        self.u = Buffer(pg.ones((features,), layer.weight.dtype))
        init.on_construction(self)

    def reset_vectors(self, stream_of: init.StreamOf) -> None:
        """u normal (stream ``u``), then some power iterations on the weight as it is now."""
        init.normal_(self.u, 0.0, 1.0, stream_of("u"))
        with pg.no_grad():
            matrix, u = self.layer.weight_matrix(), self.u.reshape(-1, 1)
            for _ in range(_WARM_UP):
                u = _unit(pg.ops.matmul(matrix, _right(matrix, u), transpose_a=True))
            self.u.assign_(u.reshape(-1))

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.layer.weight_matrix()
        with pg.no_grad():
            fixed = matrix.detach()
            u = pending.read(self.u).reshape(-1, 1)
            v = _right(fixed, u)
            if self.training:
                u = _unit(pg.ops.matmul(fixed, v, transpose_a=True))
                pending.write(self.u, u.reshape(-1))
            else:
                u = _unit(u)  # an average of unit vectors is shorter
        sigma = pg.ops.matmul(v, pg.ops.matmul(matrix, u), transpose_a=True)  # (1, 1)
        weight = self.layer.weight
        return self.layer.with_weight(x, weight / sigma.reshape(*[1] * weight.ndim))


def _unit(x: Tensor) -> Tensor:
    return x / pg.ops.norm(x)


def _right(matrix: Tensor, u: Tensor) -> Tensor:
    """v (m, 1) for M (m, n) and u (n, 1)."""
    return _unit(pg.ops.matmul(matrix, u))
