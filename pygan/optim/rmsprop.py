"""RMSProp."""

from __future__ import annotations

from pygan import _core
from pygan._core import Tensor
from pygan.errors import ConfigError
from pygan.optim.base import Optimizer, Params, hyper, number, zeros_like

__all__ = ["RMSProp"]


class RMSProp(Optimizer):
    """Gradients divided by a running root mean square of themselves.

    ::

        g = grad + weight_decay p
        v = alpha v + (1 - alpha) g^2                               (v starts at 0)
        a = alpha a + (1 - alpha) g,  v' = max(v - a^2, 0)          if centered; else v' = v
        b = momentum b + g / (sqrt(v') + eps)                       (a and b start at 0)
        p -= lr b

    v - a^2 is a variance and so not negative, but rounding may leave it below 0: hence the max.

    Args:
        params, lr: as in `Optimizer`.
        alpha: decay of the averages, in [0, 1).
        eps: added to the root.
        weight_decay: L2 penalty's factor.
        momentum: in [0, 1).
        centered: divide by the deviation of the gradient instead of its root mean square.

    Source: Tieleman and Hinton 2012, "Neural networks for machine learning", lecture 6.5; centred:
    Graves 2013, "Generating sequences with recurrent neural networks", equations 38 to 45. Defaults
    and the place of eps are PyTorch's.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(params, lr)
        self.alpha = number("RMSProp", "alpha", alpha, high=1.0)
        self.eps = number("RMSProp", "eps", eps)
        self.weight_decay = number("RMSProp", "weight_decay", weight_decay)
        self.momentum = number("RMSProp", "momentum", momentum, high=1.0)
        if not isinstance(centered, bool):
            raise ConfigError(f"RMSProp: centered must be True or False, got {centered!r}")
        self.centered = centered
        self._v = zeros_like(self.params)
        self._momenta = zeros_like(self.params) if self.momentum else []
        self._averages = zeros_like(self.params) if centered else []

    def _step(self) -> None:
        todo = self._with_grad()
        if todo:
            _core.rmsprop_(
                [self.params[i] for i, _ in todo],
                [grad for _, grad in todo],
                [self._v[i] for i, _ in todo],
                [self._momenta[i] for i, _ in todo] if self.momentum else [],
                [self._averages[i] for i, _ in todo] if self.centered else [],
                hyper(lambda: (self.lr, self.alpha, self.eps, self.weight_decay, self.momentum)),
            )

    def _state(self) -> dict[str, Tensor]:
        parts = {"v": self._v, "momentum": self._momenta, "average": self._averages}
        return {
            f"{part}/{name}": tensor
            for part, tensors in parts.items()
            if tensors
            for name, tensor in zip(self.names, tensors, strict=True)
        }
