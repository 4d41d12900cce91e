"""What the games with a classifier for D share: its loss, and the targets of its two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pygan as pg
from pygan.errors import ConfigError
from pygan.games.base import Game

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["LogisticGame", "cross_entropy"]


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """mean(softplus(x) - target x): the cross-entropy of sigmoid(x) against one constant target."""
    return pg.ops.logistic_loss(logits, target)


@dataclass(frozen=True, kw_only=True)
class LogisticGame(Game):
    """D tells real from fake; the games that share it differ in what G minimises.

    With D's output x a logit, so that sigmoid(x) is the probability of "real", and H(t, x) =
    -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x))::

        d_loss = mean(H(real_label, x_real)) + mean(H(fake_label, x_fake))

    computed as softplus(x) - t x, so nothing overflows and no probability is rounded to 0. Both
    means have weight 1, as in the paper's algorithm 1 (no factor 1/2). The D that minimises it is
    ``sigmoid(D(x)) = (real_label p(x) + fake_label q(x)) / (p(x) + q(x))`` for densities p of real
    samples and q of fakes; with labels 1 and 0 that is p / (p + q).

    Args:
        real_label: D's target on real samples; 0.9 is one-sided label smoothing, which keeps D's
            logits from growing without bound.
        fake_label: D's target on fakes. Above 0 it is refused: then the optimal D above has q in
            its numerator and peaks where G puts its samples already, so that fakes far from all
            data are pulled towards themselves and not towards the data.
        smooth_fakes: True allows it all the same.

    Raises:
        ConfigError: labels that are not 0 <= fake_label < real_label <= 1, or smoothed fakes.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", section 4.1; Salimans et al.
    2016, "Improved techniques for training GANs", section 3.4 (one-sided label smoothing).
    """

    real_label: float = 1.0
    fake_label: float = 0.0
    smooth_fakes: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        real, fake = self.real_label, self.fake_label
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (real, fake))
        if not numbers or not 0 <= fake < real <= 1:
            raise ConfigError(
                f"{self.name}: labels must be numbers with 0 <= fake_label < real_label <= 1, "
                f"got fake_label {fake!r} and real_label {real!r}"
            )
        if not isinstance(self.smooth_fakes, bool):
            raise ConfigError(
                f"{self.name}: smooth_fakes must be True or False, got {self.smooth_fakes!r}"
            )
        if fake > 0 and not self.smooth_fakes:
            raise ConfigError(
                f"{self.name}: fake_label {fake!r} smooths the fake side, by which the optimal D "
                "rewards G for the fakes that it makes already (Salimans et al. 2016, section "
                "3.4); smooth real_label alone, or have it all the same by game.smooth_fakes=true"
            )
        object.__setattr__(self, "real_label", float(real))
        object.__setattr__(self, "fake_label", float(fake))

    def d_loss(self, d_real: Tensor, d_fake: Tensor) -> Tensor:
        return cross_entropy(d_real, self.real_label) + cross_entropy(d_fake, self.fake_label)
