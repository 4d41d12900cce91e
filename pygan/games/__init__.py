"""Games: the objectives of generator and discriminator.

A game says *what* is minimised; the trainer decides how the networks are run::

    game = pg.games.get("wgan-gp", n_critic=3)      # or pg.games.WGANGP(n_critic=3)

    for _ in range(game.n_critic):                  # updates of D, each a fresh batch
        loss = game.d_loss(D(real), D(fake))        # scalar
        for p in game.penalties:                    # every k-th update only: p.due(update)
            loss = loss + p(D, real, fake)
                                                    # after the step: clip D to +-game.d_clip
    loss = game.g_loss(D(G(z)))                     # the update of G

    opt_d = game.d_optimizer.build(D.parameters())  # the paper's optimizers, unless overridden
    opt_g = game.g_optimizer.build(G.parameters())
    game.check_d_norm("batch")                      # ConfigError where D must not have that norm
    game.default_d_norm                             # "batch", or None for WGAN-GP
    game.settings()                                 # plain values: get(game.name, **these) == game

To add a game: subclass `Game` as a frozen dataclass, set `name`, define `d_loss` and `g_loss`, and
`register` it (the built-in ones are registered below).
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from pygan._suggest import unknown
from pygan.errors import ConfigError
from pygan.games.base import Game, OptimizerSpec, Penalty
from pygan.games.hinge import Hinge
from pygan.games.least_squares import LeastSquares
from pygan.games.logistic import LogisticGame
from pygan.games.maximum_likelihood import MaximumLikelihood
from pygan.games.minimax import Minimax
from pygan.games.non_saturating import NonSaturating
from pygan.games.wgan import WGAN
from pygan.games.wgan_gp import WGANGP

__all__ = [
    "WGAN",
    "WGANGP",
    "Game",
    "Hinge",
    "LeastSquares",
    "LogisticGame",
    "MaximumLikelihood",
    "Minimax",
    "NonSaturating",
    "OptimizerSpec",
    "Penalty",
    "get",
    "names",
    "register",
]

_games: dict[str, type[Game]] = {}
GameType = TypeVar("GameType", bound=type[Game])


def register(game: GameType) -> GameType:
    """Makes a `Game` subclass available by its `name`; usable as a decorator.

    Raises:
        ConfigError: no name, or the name belongs to another game.
    """
    if not game.name:
        raise ConfigError(f"{game.__name__}: a game needs a name")
    if _games.get(game.name, game) is not game:
        raise ConfigError(f"a game named {game.name!r} exists already")
    _games[game.name] = game
    return game


def names() -> tuple[str, ...]:
    """Names of all games, the default first."""
    return tuple(_games)


def get(name: str, **settings: Any) -> Game:
    """The game called `name`, with `settings` over its defaults.

    Raises:
        ConfigError: unknown name or setting (the message says the nearest one), or a bad value.
    """
    if name not in _games:
        raise unknown("game", name, names())
    game = _games[name]
    known = [f.name for f in dataclasses.fields(game)]
    for key in settings:
        if key not in known:
            raise unknown(f"setting of game {name!r}", key, known)
    return game(**settings)


for _game in (
    NonSaturating,
    WGANGP,
    Minimax,
    LeastSquares,
    Hinge,
    WGAN,
    MaximumLikelihood,
):
    register(_game)
