"""The moving average of weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

import pygan as pg
from pygan import _core
from pygan._core import Tensor
from pygan.nn.module import Buffer, Module
from pygan.optim.base import Params, hyper, load_into, named, number

__all__ = ["EMA"]


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
    ``ema.module(z)``. Running statistics are averaged like weights: averaged weights make other
    activations than the live ones, and with copied statistics samples score two to three times as
    far from real images as those of the generator that is averaged. Counters and constants (a
    reference batch) are copied.

    Raises:
        ConfigError: a bad decay, or nothing to average.

    Source: Polyak and Juditsky 1992 for averaging; Yazici et al. 2019 for GAN generators.
    """

    def __init__(self, source: Module | Params, decay: float = 0.999, warmup: bool = True) -> None:
        self.decay = number("EMA", "decay", decay, high=1.0)
        self.warmup = bool(warmup)
        self.updates = 0
        self.module: Module | None = None
        buffers: list[tuple[str, Buffer]] = []
        own_buffers: list[Buffer] = []
        if isinstance(source, Module):
            self.module = copy.deepcopy(source).eval().requires_grad_(False)
            params = named("EMA", source.named_parameters())
            self.averages: list[Tensor] = list(self.module.parameters())
            buffers, own_buffers = source.named_buffers(), list(self.module.buffers())
        else:
            params = named("EMA", source)
            self.averages = [pg.tensor(p.detach()) for p in params.values()]
        self._params = list(params.values())
        self._counters: list[tuple[Tensor, Tensor]] = []
        self._own = dict(zip(params, self.averages, strict=True))
        for (name, live), own in zip(buffers, own_buffers, strict=True):
            self._own[name] = own
            if own.dtype.kind == "f" and not live.constant:
                self.averages.append(own)
                self._params.append(live)
            else:
                self._counters.append((own, live))

    def update(self) -> None:
        """Moves the averages towards the present values, and copies counters and constants."""
        t = self.updates
        decay = min(self.decay, (1 + t) / (10 + t)) if self.warmup else self.decay
        _core.ema_(self.averages, self._params, hyper(lambda: (decay,)))
        for own, live in self._counters:
            own.assign_(live)
        self.updates += 1

    def state_dict(self) -> dict[str, Tensor]:
        """``avg/<name>`` for each average and copied counter, and the number of updates."""
        state = {f"avg/{name}": tensor.detach() for name, tensor in self._own.items()}
        return {**state, "updates": pg.tensor(np.array([self.updates], np.int64))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a state of the same network.

        Raises:
            ConfigError: names, shapes or dtypes do not fit (all are listed); nothing has changed.
        """
        own = self.state_dict()
        load_into("EMA", own, state)
        self.updates = int(own["updates"].numpy()[0])
