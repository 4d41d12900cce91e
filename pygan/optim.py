"""Optimizers and the moving average of weights: one pass over all parameters, in place.

    opt = pg.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt.zero_grad()
    loss.backward()
    opt.step()

Defaults and formulas are PyTorch's. Whatever varies from step to step (learning rate, bias
corrections, decay) reaches the kernel as an input array, so that a recorded step can be replayed.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import pygan as pg
from pygan import _core
from pygan._core import Tensor
from pygan._suggest import unknown
from pygan.errors import ConfigError, DTypeError
from pygan.nn.module import Module

__all__ = ["EMA", "SGD", "Adam", "Optimizer", "check_settings", "get", "names"]

#: What optimizers take: tensors, or (name, tensor) pairs such as `Module.named_parameters()`.
Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]]


def _number(
    who: str, argument: str, value: float, low: float = 0.0, high: float = math.inf
) -> float:
    """`value` as a float, if it is finite and low <= value < high."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value < high:
        bounds = f"in [{low:g}, {high:g})" if math.isfinite(high) else f"finite and >= {low:g}"
        raise ConfigError(f"{who}: {argument} must be a number {bounds}, got {value!r}")
    return float(value)


def _power(base: float, exponent: int) -> float:
    """base^exponent by squaring: the same bits on every machine, which libm's pow is not."""
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


def _named(who: str, params: Params) -> dict[str, Tensor]:
    """Parameters by name; without names they are called "0", "1", ..."""
    named: dict[str, Tensor] = {}
    for i, item in enumerate(params):
        name, tensor = item if isinstance(item, tuple) else (str(i), item)
        if not isinstance(tensor, Tensor):
            raise ConfigError(f"{who}: params must be tensors or (name, tensor), got {item!r}")
        if name in named or any(tensor is other for other in named.values()):
            raise ConfigError(f"{who}: parameter {name!r} appears twice in params")
        named[name] = tensor
    if not named:
        raise ConfigError(f"{who}: params is empty")
    return named


def _hyper(*values: float) -> Tensor:
    return pg.tensor(np.array(values, np.float64))


def _zeros_like(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [pg.full(t.shape, 0.0, t.dtype, device=t.device) for t in tensors]


def _load(who: str, own: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Copies `state` into `own` if names, shapes and dtypes fit exactly; else changes nothing."""
    wrong = [f"missing: {name}" for name in own if name not in state]
    wrong += [f"unexpected: {name}" for name in state if name not in own]
    for name in own.keys() & state.keys():
        mine, new = own[name], state[name]
        if tuple(new.shape) != mine.shape or new.dtype != mine.dtype:
            wrong.append(
                f"{name}: expected {mine.dtype} {mine.shape}, got {new.dtype} {tuple(new.shape)}"
            )
    if wrong:
        raise ConfigError(f"{who}: state does not fit: " + "; ".join(sorted(wrong)))
    for name, mine in own.items():
        mine.assign_(state[name])


class Optimizer:
    """Base class: parameters, their names, gradients, learning rate.

    Args:
        params: tensors, or (name, tensor) pairs; names become names of the state.
        lr: learning rate; ``optimizer.lr`` may be set between steps.

    Raises:
        ConfigError: a bad value (the message names the argument), no parameters, or one twice.
    """

    def __init__(self, params: Params, lr: float) -> None:
        named = _named(type(self).__name__, params)
        self.names = list(named)
        self.params = list(named.values())
        self.lr = lr

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = _number(type(self).__name__, "lr", value)

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for param in self.params:
            param.grad = None

    def step(self) -> None:
        """Updates every parameter that has a gradient, in place.

        Raises:
            DTypeError: the parameters changed their dtype since the optimizer was built.
        """
        try:
            self._step()
        except DTypeError as error:
            raise DTypeError(
                f"{type(self).__name__}: parameters and optimizer state differ in dtype; "
                f"build the optimizer after Module.to ({error})"
            ) from error

    def _step(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not define _step")

    def _with_grad(self) -> list[tuple[int, Tensor]]:
        """(index, gradient) of the parameters that have one; the others are left alone."""
        grads = [(i, param.grad) for i, param in enumerate(self.params)]
        return [(i, grad) for i, grad in grads if grad is not None]

    def _state(self) -> dict[str, Tensor]:
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs, by name (``m/<parameter>``), the rate included."""
        return {"lr": _hyper(self.lr), **self._state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a state of the same parameters.

        Raises:
            ConfigError: names, shapes or dtypes do not fit (all are listed); nothing has changed.
        """
        own = self.state_dict()
        _load(type(self).__name__, own, state)
        self.lr = float(own["lr"].numpy()[0])


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
        self.momentum = _number("SGD", "momentum", momentum, high=1.0)
        self.weight_decay = _number("SGD", "weight_decay", weight_decay)
        if nesterov and not self.momentum:
            raise ConfigError("SGD: nesterov needs momentum > 0")
        self.nesterov = bool(nesterov)
        # The kernel writes b in any case; without momentum it is no state.
        self._momenta = _zeros_like(self.params)

    def _step(self) -> None:
        todo = self._with_grad()
        if todo:
            _core.sgd_(
                [self.params[i] for i, _ in todo],
                [grad for _, grad in todo],
                [self._momenta[i] for i, _ in todo],
                _hyper(self.lr, self.momentum, self.weight_decay, float(self.nesterov)),
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
            _number("Adam", "betas[0]", betas[0], high=1.0),
            _number("Adam", "betas[1]", betas[1], high=1.0),
        )
        self.eps = _number("Adam", "eps", eps)
        self.weight_decay = _number("Adam", "weight_decay", weight_decay)
        self._m = _zeros_like(self.params)
        self._v = _zeros_like(self.params)
        self._steps = np.zeros(len(self.params), np.int64)

    def _step(self) -> None:
        # One kernel call takes one t. All parameters share it unless some were skipped before.
        groups: dict[int, list[tuple[int, Tensor]]] = {}
        for i, grad in self._with_grad():
            groups.setdefault(int(self._steps[i]) + 1, []).append((i, grad))
        beta1, beta2 = self.betas
        for t, group in groups.items():
            _core.adam_(
                [self.params[i] for i, _ in group],
                [grad for _, grad in group],
                [self._m[i] for i, _ in group],
                [self._v[i] for i, _ in group],
                _hyper(
                    self.lr,
                    beta1,
                    beta2,
                    self.eps,
                    self.weight_decay,
                    1.0 - _power(beta1, t),
                    1.0 - _power(beta2, t),
                    0.0,
                ),
            )
            self._steps[[i for i, _ in group]] = t

    def _state(self) -> dict[str, Tensor]:
        state = {f"m/{name}": m for name, m in zip(self.names, self._m, strict=True)}
        state |= {f"v/{name}": v for name, v in zip(self.names, self._v, strict=True)}
        return {**state, "steps": pg.tensor(self._steps)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._steps[:] = np.asarray(state["steps"])


class EMA:
    """Exponential moving average of weights: ``avg = d avg + (1 - d) p`` at each `update`.

    Samples of the averaged generator are better and steadier than those of the live one, whose
    weights circle. Call `update` after each step of the optimizer.

    Warm-up: update number t (from 0) uses ``d = min(decay, (1 + t) / (10 + t))``, so that the
    untrained weights from which the average starts are forgotten within the first steps, and not
    only after 1 / (1 - decay) of them. ``warmup=False`` uses `decay` from the start.

    Args:
        source: a module, or parameters (tensors or (name, tensor) pairs).
        decay: d, in [0, 1).
        warmup: see above.

    Of a module the average is itself a module, in evaluation mode and without gradients:
    ``ema.module(z)``. Its buffers (running statistics) are copied at each update, not averaged.

    Raises:
        ConfigError: a bad decay, or nothing to average.

    Source: Polyak and Juditsky 1992 for averaging; Yazici et al. 2019 for GAN generators.
    """

    def __init__(self, source: Module | Params, decay: float = 0.999, warmup: bool = True) -> None:
        self.decay = _number("EMA", "decay", decay, high=1.0)
        self.warmup = bool(warmup)
        self.updates = 0
        self.module: Module | None = None
        buffers: list[tuple[str, Tensor]] = []
        own_buffers: list[Tensor] = []
        if isinstance(source, Module):
            self.module = copy.deepcopy(source).eval().requires_grad_(False)
            params = _named("EMA", source.named_parameters())
            self.averages: list[Tensor] = list(self.module.parameters())
            buffers, own_buffers = source.named_buffers(), list(self.module.buffers())
        else:
            params = _named("EMA", source)
            self.averages = [pg.tensor(p.detach()) for p in params.values()]
        self._params = list(params.values())
        self._buffers = list(zip(own_buffers, (b for _, b in buffers), strict=True))
        self._own = dict(zip(params, self.averages, strict=True))
        self._own |= {name: own for (name, _), own in zip(buffers, own_buffers, strict=True)}

    def update(self) -> None:
        """Moves the averages towards the present values, and copies the buffers."""
        t = self.updates
        decay = min(self.decay, (1 + t) / (10 + t)) if self.warmup else self.decay
        _core.ema_(self.averages, self._params, _hyper(decay))
        for own, live in self._buffers:
            own.assign_(live)
        self.updates += 1

    def state_dict(self) -> dict[str, Tensor]:
        """``avg/<name>`` for each average and copied buffer, and the number of updates."""
        state = {f"avg/{name}": tensor.detach() for name, tensor in self._own.items()}
        return {**state, "updates": pg.tensor(np.array([self.updates], np.int64))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a state of the same network.

        Raises:
            ConfigError: names, shapes or dtypes do not fit (all are listed); nothing has changed.
        """
        own = self.state_dict()
        _load("EMA", own, state)
        self.updates = int(own["updates"].numpy()[0])


_OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "sgd": SGD}


def names() -> tuple[str, ...]:
    """Names that `get` and recipes know."""
    return tuple(_OPTIMIZERS)


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Raises ConfigError for settings that cannot make an optimizer, before there are parameters.

    An unknown name (the message says the nearest one), a missing setting, or a bad value.
    """
    if name not in _OPTIMIZERS:
        raise unknown("optimizer", name, names())
    known = dict(inspect.signature(_OPTIMIZERS[name]).parameters)
    del known["params"]
    for setting in settings:
        if setting not in known:
            raise unknown(f"setting of optimizer {name!r}", setting, known)
    for setting, parameter in known.items():
        if parameter.default is parameter.empty and setting not in settings:
            raise ConfigError(f"optimizer {name!r} needs the setting {setting!r}")
    # The constructor knows which values are good; one number stands for the parameters.
    _OPTIMIZERS[name]([pg.full((), 0.0)], **settings)


def get(name: str, params: Params, **settings: Any) -> Optimizer:
    """The optimizer called `name` over `params`.

    Raises:
        ConfigError: unknown name or setting (the message says the nearest one), or a bad value.
    """
    check_settings(name, settings)
    return _OPTIMIZERS[name](params, **settings)
