"""The least-squares game, LSGAN (Mao et al. 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pygan as pg
from pygan.errors import ConfigError
from pygan.games.base import Game

if TYPE_CHECKING:
    from pygan import Tensor

__all__ = ["LeastSquares"]


@dataclass(frozen=True, kw_only=True)
class LeastSquares(Game):
    """D fits the numbers b to real samples and a to fakes; G wants D to say c of its fakes.

    ::

        d_loss = 1/2 mean((D(real) - b)^2) + 1/2 mean((D(fake) - a)^2)
        g_loss = 1/2 mean((D(fake) - c)^2)

    No sigmoid: a fake that D takes for real is still pulled towards the data as long as its output
    is not c. With b - c = 1 and b - a = 2, for example ``a=-1, b=1, c=0``, G minimises the Pearson
    chi-squared divergence between p + q and 2 q; the default is the paper's 0-1 coding.

    Args:
        a, b: D's targets on fakes and on real samples; they must differ.
        c: what G wants.

    Raises:
        ConfigError: a number that is not finite, or a = b.

    Source: Mao et al. 2017, "Least squares generative adversarial networks", equations 2, 8 and 9.
    The optimizers are DCGAN's: Adam, 2e-4, beta1 0.5, beta2 0.999.
    """

    name: ClassVar[str] = "least-squares"

    a: float = 0.0
    b: float = 1.0
    c: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for label in ("a", "b", "c"):
            value = getattr(self, label)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and math.isfinite(value)):
                raise ConfigError(f"{self.name}: {label} must be a finite number, got {value!r}")
            object.__setattr__(self, label, float(value))
        if self.a == self.b:
            raise ConfigError(f"{self.name}: a and b must differ, both are {self.a!r}")

    def d_loss(self, d_real: Tensor, d_fake: Tensor) -> Tensor:
        real, fake = pg.ops.square(d_real - self.b), pg.ops.square(d_fake - self.a)
        return (real.mean() + fake.mean()) * 0.5

    def g_loss(self, d_fake: Tensor) -> Tensor:
        return pg.ops.square(d_fake - self.c).mean() * 0.5
