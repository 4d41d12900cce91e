"""What optimizers share: checks of settings, named parameters, state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pygan as pg
from pygan import _core
from pygan._core import Tensor
from pygan.errors import ConfigError, DTypeError
from pygan.recording import changed, renewed

__all__ = [
    "Optimizer",
    "Params",
    "clip_",
    "hyper",
    "load_into",
    "named",
    "number",
    "zeros_like",
]

#: What optimizers take: tensors, or (name, tensor) pairs such as `Module.named_parameters()`.
Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]]


def number(
    who: str, argument: str, value: float, low: float = 0.0, high: float = math.inf
) -> float:
    """`value` as a float, if it is finite and low <= value < high."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value < high:
        bounds = f"in [{low:g}, {high:g})" if math.isfinite(high) else f"finite and >= {low:g}"
        raise ConfigError(f"{who}: {argument} must be a number {bounds}, got {value!r}")
    return float(value)


def named(who: str, params: Params) -> dict[str, Tensor]:
    """Parameters by name; without names they are called "0", "1", ..."""
    if not isinstance(params, Iterable):
        raise ConfigError(f"{who}: params must be a list of tensors, got {params!r}")
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


def hyper(make: Callable[[], Sequence[float]]) -> Tensor:
    """What an update reads beside its tensors; a recorded step makes it anew at each replay."""
    return renewed(lambda: _core.numbers(make()))


def zeros_like(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [pg.full(t.shape, 0.0, t.dtype, device=t.device) for t in tensors]


def clip_(params: Iterable[Tensor], low: float, high: float) -> None:
    """Clips every value of `params` to [low, high], in place: weight clipping.

    Raises:
        ConfigError: the bounds are not finite, or low > high.

    Source: Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1.
    """
    if not -math.inf < low <= high < math.inf:  # false for NaN too
        raise ConfigError(f"clip_: needs finite low <= high, got {low!r} and {high!r}")
    if not isinstance(params, Iterable):
        raise ConfigError(f"clip_: params must be a list of tensors, got {params!r}")
    _core.clip_(list(params), hyper(lambda: (low, high)))


def load_into(who: str, own: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
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
        by_name = named(type(self).__name__, params)
        self.names = list(by_name)
        self.params = list(by_name.values())
        self.lr = lr

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = number(type(self).__name__, "lr", value)

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
        return {"lr": _core.numbers([self.lr]), **self._state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a state of the same parameters.

        Raises:
            ConfigError: names, shapes or dtypes do not fit (all are listed); nothing has changed.
        """
        own = self.state_dict()
        load_into(type(self).__name__, own, state)
        changed()  # Adam's steps may be grouped in another way now
        self.lr = float(own["lr"].numpy()[0])
