"""The non-saturating game of Goodfellow et al. 2014: pygan's default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pygan as pg
from pygan.games.base import Game

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["NonSaturating"]


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    """mean(softplus(x) - target x): the cross-entropy of sigmoid(x) against one constant target."""
    targets = pg.full(logits.shape, target, logits.dtype, device=logits.device)
    return pg.ops.binary_cross_entropy_with_logits(logits, targets, reduction="mean")


@dataclass(frozen=True, kw_only=True)
class NonSaturating(Game):
    """D is a classifier of real against fake; G maximises the probability that D errs.

    With D's output x a logit, so that sigmoid(x) is the probability of "real"::

        d_loss = mean(-log sigmoid(x_real)) + mean(-log(1 - sigmoid(x_fake)))
        g_loss = mean(-log sigmoid(x_fake))

    computed from the logits as softplus(x) - t x, so nothing overflows and no probability is
    rounded to 0. The minimax game would have G minimise mean(log(1 - sigmoid(x_fake))), which is
    flat just where G is poor (D(G(z)) near 0); the form here has its steepest slope there.

    Both means have weight 1, as in the paper's algorithm 1 (no factor 1/2).

    Source: Goodfellow et al. 2014, "Generative adversarial nets", section 3. The optimizers are
    those of Radford et al. 2016 (DCGAN): Adam, 2e-4, beta1 0.5, beta2 0.999.
    """

    name: ClassVar[str] = "non-saturating"

    def d_loss(self, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return _cross_entropy(d_real, 1.0) + _cross_entropy(d_fake, 0.0)

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return _cross_entropy(d_fake, 1.0)
