"""The maximum-likelihood game: G's cost weights fakes by their likelihood ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pygan as pg
from pygan.games.logistic import LogisticGame

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["MaximumLikelihood"]


@dataclass(frozen=True, kw_only=True)
class MaximumLikelihood(LogisticGame):
    """Where D is optimal, G descends the expected gradient of KL(data || G): maximum likelihood.

    With D's output x a logit::

        d_loss = mean(-log sigmoid(x_real)) + mean(-log(1 - sigmoid(x_fake)))
        g_loss = -1/2 mean(exp(sigmoid^-1(sigmoid(x_fake)))) = -1/2 mean(exp(x_fake))

    exp(x) is p / q for the optimal D: each fake counts by how much more likely it is among the
    data. Like the minimax cost it is flat where D is sure of a fake, and nearly all of its gradient
    comes from the few best fakes of a batch, so it trains worse than the others. exp overflows for
    logits above 88 in float32 (709 in float64); such an update is refused with a NonFiniteError.

    D's loss, label smoothing and their arguments: `pygan.games.LogisticGame`.

    Source: Goodfellow 2014, "On distinguishability criteria for estimating generative models";
    Goodfellow 2016, "NIPS 2016 tutorial: generative adversarial networks", section 3.2.4.
    """

    name: ClassVar[str] = "maximum-likelihood"

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return pg.ops.exp(d_fake).mean() * -0.5
