"""The non-saturating game of Goodfellow et al. 2014: pygan's default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pygan.games.logistic import LogisticGame, cross_entropy

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["NonSaturating"]


@dataclass(frozen=True, kw_only=True)
class NonSaturating(LogisticGame):
    """D is a classifier of real against fake; G maximises the probability that D errs.

    With D's output x a logit, so that sigmoid(x) is the probability of "real"::

        d_loss = mean(-log sigmoid(x_real)) + mean(-log(1 - sigmoid(x_fake)))
        g_loss = mean(-log sigmoid(x_fake))

    The minimax game would have G minimise mean(log(1 - sigmoid(x_fake))), which is flat just where
    G is poor (D(G(z)) near 0); the form here has its steepest slope there.

    D's loss, label smoothing and their arguments: `pygan.games.LogisticGame`.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", section 3. The optimizers are
    those of Radford et al. 2016 (DCGAN): Adam, 2e-4, beta1 0.5, beta2 0.999.
    """

    name: ClassVar[str] = "non-saturating"

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return cross_entropy(d_fake, 1.0)
