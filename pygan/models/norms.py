"""The norms that a network can be built with: one table, one line for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pygan._suggest import unknown
from pygan.nn import BatchNorm, Module, SpectralNorm

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


#: What ``norm=`` may be.
NORMS: dict[str | None, Norm] = {
    None: Norm(),
    "batch": Norm(after=lambda shape: BatchNorm(shape[-1]), bias=False),
    "spectral": Norm(wrap=SpectralNorm),
}


def get_norm(name: str | None) -> Norm:
    """The entry of `NORMS`; raises ConfigError, with the nearest name, for an unknown one."""
    try:
        return NORMS[name]
    except (KeyError, TypeError):  # TypeError: not even hashable
        raise unknown("norm", name, [str(known) for known in NORMS]) from None
