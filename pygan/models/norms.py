"""The norms that a network can be built with: one table, one line for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pygan._suggest import unknown
from pygan.errors import ConfigError
from pygan.nn import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    Module,
    ReferenceBatchNorm,
    SpectralNorm,
    VirtualBatchNorm,
)

__all__ = ["NORMS", "Norm", "get_norm"]

Shape = tuple[int, ...]


def _unchanged(layer: Module) -> Module:
    return layer


@dataclass(frozen=True)
class Norm:
    """How a norm changes a network.

    Args:
        after: shape of one sample -> the layer that follows a weight layer; None: no such layer.
        wrap: what becomes of a weight layer itself (a norm of weights, not of activations).
        bias: whether the weight layer before `after` keeps its bias. A norm that subtracts the mean
            of each feature and adds a shift of its own leaves a bias before it without effect.
    """

    after: Callable[[Shape], Module] | None = None
    wrap: Callable[[Module], Module] = _unchanged
    bias: bool = True


def _instance(shape: Shape) -> Module:
    if math.prod(shape[:-1]) == 1:
        raise ConfigError(
            f'norm "instance" needs positions to normalise over, a sample of shape {shape} has one '
            'for each feature; use "layer"'
        )
    return InstanceNorm(shape[-1], affine=True)


#: What ``norm=`` may be. "layer" is over the whole sample with one gain a feature, as critics in
#: Gulrajani et al. 2017: a group norm. A bias before it counts: its mean is not a feature's own.
NORMS: dict[str | None, Norm] = {
    None: Norm(),
    "batch": Norm(after=lambda shape: BatchNorm(shape[-1]), bias=False),
    "instance": Norm(after=_instance, bias=False),
    "layer": Norm(after=lambda shape: GroupNorm(1, shape[-1])),
    "reference": Norm(after=lambda shape: ReferenceBatchNorm(shape[-1]), bias=False),
    "spectral": Norm(wrap=SpectralNorm),
    "virtual": Norm(after=lambda shape: VirtualBatchNorm(shape[-1]), bias=False),
}


def get_norm(name: str | None) -> Norm:
    """The entry of `NORMS`; raises ConfigError, with the nearest name, for an unknown one."""
    try:
        return NORMS[name]
    except (KeyError, TypeError):  # TypeError: not even hashable
        if name in ("None", "none"):
            raise ConfigError(
                f'unknown norm {name!r}: without a norm it is None, or "none" in a recipe'
            ) from None
        known = [name or "none" for name in NORMS]
        raise unknown("norm", name, known) from None
