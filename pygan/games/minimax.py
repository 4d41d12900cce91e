"""The minimax game of Goodfellow et al. 2014: one value function, two signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pygan as pg
from pygan.games.logistic import LogisticGame

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["Minimax"]


@dataclass(frozen=True, kw_only=True)
class Minimax(LogisticGame):
    """D maximises V = E log D(real) + E log(1 - D(fake)), G minimises it.

    With D's output x a logit::

        d_loss = mean(-log sigmoid(x_real)) + mean(-log(1 - sigmoid(x_fake)))
        g_loss = mean(log(1 - sigmoid(x_fake))) = -mean(softplus(x_fake))

    The slope of G's loss is -sigmoid(x_fake): it vanishes where D is sure of a fake, so that a poor
    G learns next to nothing. `pygan.games.NonSaturating` has the same fixed points without that.

    D's loss, label smoothing and their arguments: `pygan.games.LogisticGame`.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", equation 1. The optimizers are
    those of Radford et al. 2016 (DCGAN): Adam, 2e-4, beta1 0.5, beta2 0.999.
    """

    name: ClassVar[str] = "minimax"

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return -pg.ops.logistic_loss(d_fake, 0.0)
