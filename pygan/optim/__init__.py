"""Optimizers and the moving average of weights: one pass over all parameters, in place.

    opt = pg.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt.zero_grad()
    loss.backward()
    opt.step()

Defaults and formulas are PyTorch's. Whatever varies from step to step (learning rate, bias
corrections, decay) reaches the kernel as an input array, so that a recorded step can be replayed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pygan as pg
from pygan._suggest import unknown
from pygan.errors import ConfigError
from pygan.optim.base import Optimizer, Params, clip_
from pygan.optim.ema import EMA
from pygan.optim.optimizers import SGD, Adam
from pygan.optim.rmsprop import RMSProp

__all__ = ["EMA", "SGD", "Adam", "Optimizer", "RMSProp", "check_settings", "clip_", "get", "names"]

_OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "rmsprop": RMSProp, "sgd": SGD}


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
