"""From a configuration to networks and data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pygan as pg
from pygan import data as pygan_data
from pygan._suggest import unknown
from pygan.data import Dataset
from pygan.errors import ConfigError, DeviceError
from pygan.games import Game
from pygan.models import nearest_sizes, supported_size
from pygan.nn import Module
from pygan.train.config import Config

__all__ = ["MODELS", "check_device", "dataset", "game", "networks"]

#: What ``generator.model`` and ``discriminator.model`` may be: generator, discriminator.
MODELS: dict[str, tuple[Callable[..., Module], Callable[..., Module]]] = {
    "dcgan": (pg.models.DCGANGenerator, pg.models.DCGANDiscriminator),
}


def check_device(device: str) -> None:
    """Raises DeviceError where this build or machine lacks ``device``."""
    if device == "cpu":
        return
    try:
        pg.tensor([0.0], device=device)
    except DeviceError as error:
        raise DeviceError(f"device {device!r} cannot be used: {error}; try --device cpu") from None


def dataset(config: Config) -> Dataset:
    """The images of a configuration, at its size.

    Raises ConfigError for a size that the networks cannot make, before a single file is decoded,
    and DataError for images that cannot be used.
    """
    height, width = config.data.image_size
    if not supported_size(height, width):
        near = " or ".join(f"{h}x{w}" for h, w in nearest_sizes(height, width))
        raise ConfigError(
            f"data.image_size {height}x{width} does not work; the nearest that do: {near} "
            "(each side must be 4, 5, 6 or 7 times the same power of two, at least 2)"
        )
    return pygan_data.load(config.data.path or None, image_size=(height, width))


def game(config: Config) -> Game:
    """The game of a configuration, which :func:`pygan.train.config.resolve` has checked."""
    settings: dict[str, Any] = {k: v for k, v in config.game.items() if k != "name"}
    return pg.games.get(config.game["name"], **settings)


def networks(config: Config, image_shape: tuple[int, int, int]) -> tuple[Module, Module]:
    """Freshly initialised generator and discriminator; the seed decides every weight."""
    for part in ("generator", "discriminator"):
        name = getattr(config, part).model
        if name not in MODELS:
            raise unknown(f"{part}.model", name, MODELS)
    make_g = MODELS[config.generator.model][0]
    make_d = MODELS[config.discriminator.model][1]
    g_settings = _settings(config, config.generator)
    d_settings = _settings(config, config.discriminator)
    G = make_g(image_shape=image_shape, seed=config.seed, **g_settings)
    D = make_d(image_shape=image_shape, seed=config.seed, **d_settings)
    if config.device != "cpu":
        G.to(config.device)
        D.to(config.device)
    return G, D


def _settings(config: Config, part: Any) -> dict[str, Any]:
    settings = dataclasses.asdict(part)
    del settings["model"]
    settings["norm"] = None if settings["norm"] == "none" else settings["norm"]
    settings["reference_size"] = settings["reference_size"] or config.batch_size
    return settings
