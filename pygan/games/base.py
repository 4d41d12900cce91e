"""Game: what two networks play for, said as data and as functions of the discriminator's outputs.

The trainer runs the networks; a game never does. That is why a game's losses take D's *outputs*:
the trainer may then run real and fake as one batch, share a pass between a loss and a penalty, or
record the step and replay it, and the game need not know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pygan import optim
from pygan._suggest import unknown
from pygan.errors import ConfigError
from pygan.ops.gradient_penalty import (
    check_penalty,
    gradient_penalty,
    output_and_penalty,
    penalty_draws,
    shared_samples,
)

if TYPE_CHECKING:
    from pygan import Tensor
    from pygan.random import Stream

__all__ = ["Game", "OptimizerSpec", "Penalty"]

#: Norms of a discriminator by which the output for one sample depends on its neighbours.
NORMS_ACROSS_SAMPLES = frozenset({"batch"})


@dataclass(frozen=True)
class Penalty:
    """One gradient penalty of D's objective, evaluated by `pygan.ops.gradient_penalty`.

    Args:
        kind: a kind that `pygan.ops.gradient_penalty` knows, for example ``"wgan-gp"`` or ``"r1"``.
        weight: its factor (lambda of WGAN-GP, gamma of R1); not negative.
        every: k >= 1. Only every k-th update of D has the penalty, k times as heavy, so that its
            mean stays: lazy regularisation (Karras et al. 2020, "Analyzing and improving the image
            quality of StyleGAN", section 3.1, without its correction of Adam's settings).

    Raises:
        ConfigError: unknown kind, a weight that is negative or not finite, or a bad ``every``.
    """

    kind: str = "wgan-gp"
    weight: float = 10.0
    every: int = 1

    def __post_init__(self) -> None:
        check_penalty(self.kind, self.weight)
        k = self.every
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ConfigError(f"penalty {self.kind}: every must be a whole number >= 1, got {k!r}")
        object.__setattr__(self, "weight", float(self.weight))  # 10 and 10.0 are one setting

    def due(self, update: int) -> bool:
        """Whether update number ``update`` of D, from 0, has the penalty."""
        return update % self.every == 0

    def draws(
        self,
        stream: Stream,
        shape: tuple[int, ...],
        dtype: Any = "float32",
        device: str = "cpu",
    ) -> dict[str, Tensor]:
        """What one evaluation on samples of ``shape`` (N, ...) draws: arguments of `__call__`."""
        return penalty_draws(self.kind, stream, shape, dtype, device)

    def __call__(
        self,
        D: Callable[[Tensor], Tensor],
        real: Tensor,
        fake: Tensor,
        report: Callable[[str], object] | None = None,
        **draws: Any,
    ) -> Tensor:
        """The term that an update of D with this penalty adds to its loss: a scalar.

        ``report`` is told which way it ran, as `pygan.ops.gradient_penalty` says.
        """
        weight = self.weight * self.every
        return gradient_penalty(D, real, fake, self.kind, weight, report=report, **draws)

    @property
    def shares(self) -> Literal["real", "fake"] | None:
        """The samples at which D's output comes with this penalty from one pass, if any."""
        return shared_samples(self.kind)

    def with_output(
        self,
        D: Callable[[Tensor], Tensor],
        x: Tensor,
        report: Callable[[str], object] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """D(x) for the loss, and the term: `pygan.ops.output_and_penalty` at the shared samples."""
        return output_and_penalty(D, x, self.kind, self.weight * self.every, report=report)


class OptimizerSpec:
    """An optimizer's name and settings, before there are parameters: `build(params)` makes it.

    ``OptimizerSpec("adam", lr=2e-4, betas=(0.5, 0.999))`` is also what a recipe writes as
    ``{name = "adam", lr = 2e-4, betas = [0.5, 0.999]}``.

    Raises:
        ConfigError: an unknown optimizer or setting, with the nearest one, or a bad value.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        optim.check_settings(name, settings)
        self.name = name
        # Lists are what TOML and JSON give for a pair; one form makes equal specs compare equal.
        self.settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in settings.items()
        }

    def build(self, params: Iterable[Tensor]) -> optim.Optimizer:
        """The optimizer over `params`, as `pygan.optim` takes them."""
        return optim.get(self.name, params, **self.settings)

    def replace(self, **settings: Any) -> OptimizerSpec:
        """The same optimizer with some settings changed."""
        return OptimizerSpec(self.name, **{**self.settings, **settings})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML and JSON, the name among them."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in self.settings.items()}
        return {"name": self.name, **plain}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptimizerSpec) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        settings = "".join(f", {key}={value!r}" for key, value in self.settings.items())
        return f"OptimizerSpec({self.name!r}{settings})"


def _optimizer_spec(which: str, value: OptimizerSpec | Mapping[str, Any]) -> OptimizerSpec:
    if isinstance(value, OptimizerSpec):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return OptimizerSpec(**value)
    raise ConfigError(f"{which}: expected an OptimizerSpec or a table with a name, got {value!r}")


def _penalty(value: Penalty | Mapping[str, Any]) -> Penalty:
    if isinstance(value, Penalty):
        return value
    if isinstance(value, Mapping):
        known = [f.name for f in dataclasses.fields(Penalty)]
        for key in value:
            if key not in known:
                raise unknown("setting of a penalty", key, known)
        return Penalty(**value)
    raise ConfigError(f"extra_penalties: expected a Penalty or a table, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Game:
    """Base class of every game. A subclass sets `name`, defaults of the fields, and two losses.

    One step of the trainer: `n_critic` updates of D, each on a fresh batch of real samples and
    fakes, minimising ``d_loss(D(real), D(fake)) + sum of penalties``, and clipping D's weights
    where the game says so (`d_clip`); then one update of G on fresh latents, minimising
    ``g_loss(D(fake))`` with D's parameters held.

    Args (all keyword-only, all also recipe settings):
        n_critic: updates of D for each update of G; at least 1.
        d_optimizer, g_optimizer: `OptimizerSpec`, or a mapping with the key ``name``.
        extra_penalties: `Penalty` objects (or mappings) added to those of the game itself.

    Raises:
        ConfigError: a setting that cannot work.
    """

    #: The name of the game in recipes and in `pygan.games.get`.
    name: ClassVar[str] = ""
    #: The norm that D has when nobody asks for another; a key of `pygan.models.NORMS`.
    default_d_norm: ClassVar[str | None] = "batch"

    n_critic: int = 1
    d_optimizer: OptimizerSpec = field(
        default_factory=lambda: OptimizerSpec("adam", lr=2e-4, betas=(0.5, 0.999))
    )
    g_optimizer: OptimizerSpec = field(
        default_factory=lambda: OptimizerSpec("adam", lr=2e-4, betas=(0.5, 0.999))
    )
    extra_penalties: tuple[Penalty, ...] = ()

    def __post_init__(self) -> None:
        n = self.n_critic
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ConfigError(f"{self.name}: n_critic must be a whole number >= 1, got {n!r}")
        if not isinstance(self.extra_penalties, (list, tuple)):
            raise ConfigError(f"{self.name}: extra_penalties must be a list")
        # Recipes bring tables and lists; from here on there is one form. (frozen: hence setattr.)
        for which in ("d_optimizer", "g_optimizer"):
            object.__setattr__(self, which, _optimizer_spec(which, getattr(self, which)))
        extra = tuple(_penalty(p) for p in self.extra_penalties)
        object.__setattr__(self, "extra_penalties", extra)

    def d_loss(self, d_real: Tensor, d_fake: Tensor) -> Tensor:
        """What D minimises, without penalties: a scalar of D's outputs on real and fake samples.

        Both have one value per sample, ``(N, 1)`` or ``(N,)``, or one per patch; the two batch
        sizes may differ. A game averages over all elements.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define d_loss")

    def g_loss(self, d_fake: Tensor) -> Tensor:
        """What G minimises: a scalar of D's outputs on fakes (shapes as for `d_loss`)."""
        raise NotImplementedError(f"{type(self).__name__} does not define g_loss")

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """All penalties of D's objective, the game's own first."""
        return self.extra_penalties

    @property
    def d_clip(self) -> float | None:
        """c, where each update of D ends with clipping its weights to [-c, c]; else None."""
        return None

    def check_d_norm(self, norm: str | None) -> None:
        """Refuses a norm that D must not have in this game.

        A penalty asks for the gradient of D's output for *one* sample. With batch normalisation
        that output depends on the whole batch, and there is no such gradient (Gulrajani et al.
        2017, section 4, "No critic batch normalization").

        Raises:
            ConfigError: the game has a penalty, and `norm` lets samples of a batch interact.
        """
        if self.penalties and norm in NORMS_ACROSS_SAMPLES:
            kinds = ", ".join(p.kind for p in self.penalties)
            raise ConfigError(
                f"{self.name}: a discriminator with norm={norm!r} cannot have a gradient penalty "
                f"({kinds}), because its output for one sample depends on the other samples; "
                'use norm=None ("none" in a recipe), or one that keeps samples apart: "layer", '
                '"instance", "virtual", "reference", "spectral"'
            )

    def settings(self) -> dict[str, Any]:
        """Plain values for TOML and JSON: ``games.get(game.name, **game.settings()) == game``."""
        plain: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, OptimizerSpec):
                value = value.to_dict()
            elif f.name == "extra_penalties":
                value = [dataclasses.asdict(p) for p in value]
            plain[f.name] = value
        return plain
