"""SGD and Adam."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import pygan as pg
from pygan import _core
from pygan._core import Tensor
from pygan.errors import ConfigError
from pygan.optim.base import Optimizer, Params, hyper, number, zeros_like
from pygan.recording import renewed

__all__ = ["SGD", "Adam"]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    ::

        g = grad + weight_decay p
        b = momentum b + g                      (b starts at 0)
        p -= lr (g + momentum b if nesterov else b)

    Args:
        params, lr: as in `Optimizer`.
        momentum: in [0, 1).
        weight_decay: L2 penalty's factor.
        nesterov: look ahead by one momentum step; needs momentum.

    Source: Sutskever et al. 2013, in PyTorch's form (the rate outside the velocity).
    """

    def __init__(
        self,
        params: Params,
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr)
        self.momentum = number("SGD", "momentum", momentum, high=1.0)
        self.weight_decay = number("SGD", "weight_decay", weight_decay)
        if nesterov and not self.momentum:
            raise ConfigError("SGD: nesterov needs momentum > 0")
        self.nesterov = bool(nesterov)
        # The kernel writes b in any case; without momentum it is no state.
        self._momenta = zeros_like(self.params)

    def _step(self) -> None:
        todo = self._with_grad()
        if todo:
            _core.sgd_(
                [self.params[i] for i, _ in todo],
                [grad for _, grad in todo],
                [self._momenta[i] for i, _ in todo],
                hyper(lambda: (self.lr, self.momentum, self.weight_decay, float(self.nesterov))),
            )

    def _state(self) -> dict[str, Tensor]:
        if not self.momentum:
            return {}
        return {f"momentum/{n}": b for n, b in zip(self.names, self._momenta, strict=True)}


class Adam(Optimizer):
    """Adam with bias correction.

    ::

        g = grad + weight_decay p
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        p -= lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)

    t counts the steps of each parameter: one that had no gradient in a step does not age in it.

    Args:
        params, lr: as in `Optimizer`.
        betas: decay of the two averages, each in [0, 1).
        eps: added to the root.
        weight_decay: L2 penalty's factor.

    Source: Kingma and Ba 2015, "Adam", algorithm 1.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ConfigError(f"Adam: betas must be a pair, got {betas!r}")
        self.betas = (
            number("Adam", "betas[0]", betas[0], high=1.0),
            number("Adam", "betas[1]", betas[1], high=1.0),
        )
        self.eps = number("Adam", "eps", eps)
        self.weight_decay = number("Adam", "weight_decay", weight_decay)
        self._m = zeros_like(self.params)
        self._v = zeros_like(self.params)
        self._steps = [0] * len(self.params)

    def _step(self) -> None:
        # One kernel call takes one t. All parameters share it unless some were skipped before.
        groups: dict[int, list[tuple[int, Tensor]]] = {}
        for i, grad in self._with_grad():
            groups.setdefault(self._steps[i] + 1, []).append((i, grad))
        for group in groups.values():
            which = [i for i, _ in group]
            numbers = renewed(partial(self._age, which), partial(self._rejuvenate, which))
            _core.adam_(
                [self.params[i] for i, _ in group],
                [grad for _, grad in group],
                [self._m[i] for i, _ in group],
                [self._v[i] for i, _ in group],
                numbers,
            )

    def _age(self, which: list[int]) -> Tensor:
        """Counts a step of these parameters; the kernel's numbers for it."""
        t = self._steps[which[0]] + 1
        for i in which:
            self._steps[i] = t
        beta1, beta2 = self.betas
        corrections = (1.0 - _core.power(beta1, t), 1.0 - _core.power(beta2, t), 0.0)
        return _core.numbers((self.lr, beta1, beta2, self.eps, self.weight_decay, *corrections))

    def _rejuvenate(self, which: list[int]) -> None:
        """Takes back one `_age`."""
        for i in which:
            self._steps[i] -= 1

    def _state(self) -> dict[str, Tensor]:
        state = {f"m/{name}": m for name, m in zip(self.names, self._m, strict=True)}
        state |= {f"v/{name}": v for name, v in zip(self.names, self._v, strict=True)}
        return {**state, "steps": pg.tensor(np.array(self._steps, np.int64))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._steps = [int(t) for t in np.asarray(state["steps"])]
