"""From a configuration to networks and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pygan as pg
from pygan import _core
from pygan import data as pygan_data
from pygan._suggest import unknown
from pygan.data import POINTS, Data
from pygan.errors import ConfigError, DeviceError
from pygan.games import Game
from pygan.models import nearest_sizes, supported_size
from pygan.nn import Module
from pygan.train.config import Config

__all__ = ["MODELS", "Model", "check_device", "dataset", "game", "networks"]


@dataclass(frozen=True)
class Model:
    """A family of networks.

    Args:
        generator, discriminator: take the shape of one sample first, then their settings.
        fits: raises ConfigError for a shape of samples that they cannot have; None: any will do.
    """

    generator: Callable[..., Module]
    discriminator: Callable[..., Module]
    fits: Callable[[tuple[int, ...]], None] | None = None


def _fits_dcgan(shape: tuple[int, ...]) -> None:
    if len(shape) == 1:
        raise ConfigError(
            "model 'dcgan' is for images; for points take generator.model=mlp and "
            "discriminator.model=mlp"
        )
    height, width = shape[:2]
    if not supported_size(height, width):
        near = " or ".join(f"{h}x{w}" for h, w in nearest_sizes(height, width))
        raise ConfigError(
            f"data.image_size {height}x{width} does not work; the nearest that do: {near} "
            "(each side must be 4, 5, 6 or 7 times the same power of two, at least 2)"
        )


#: What ``generator.model`` and ``discriminator.model`` may be.
MODELS: dict[str, Model] = {
    "dcgan": Model(pg.models.DCGANGenerator, pg.models.DCGANDiscriminator, _fits_dcgan),
    "mlp": Model(pg.models.MLPGenerator, pg.models.MLPDiscriminator),
}


def check_device(device: str) -> None:
    """Raises DeviceError where this build or machine lacks ``device``."""
    why = _core.device_why_not(device)
    if why:
        raise DeviceError(f"device {device!r} cannot be used: {why}; try --device cpu")


def dataset(config: Config) -> Data:
    """The images of a configuration, at its size, or the points that it names.

    Named points are seed 0's whatever the configuration's seed, so that runs of several seeds are
    scored on one set, as those on images are.

    Raises ConfigError for a size that the networks cannot make, before a single file is decoded,
    and DataError for images that cannot be used.
    """
    if config.data.name in POINTS:
        return POINTS[config.data.name]()
    height, width = config.data.image_size
    _check_models(config, (height, width, 1))
    return pygan_data.load(config.data.path or None, image_size=(height, width))


def game(config: Config) -> Game:
    """The game of a configuration, which :func:`pygan.train.config.resolve` has checked."""
    settings: dict[str, Any] = {k: v for k, v in config.game.items() if k != "name"}
    return pg.games.get(config.game["name"], **settings)


def networks(config: Config, sample_shape: tuple[int, ...]) -> tuple[Module, Module]:
    """Freshly initialised generator and discriminator; the seed decides every weight.

    Raises ConfigError: a model that is unknown, or that cannot make samples of this shape.
    """
    _check_models(config, sample_shape)
    g_settings, d_settings = _settings(config, "generator"), _settings(config, "discriminator")
    G = MODELS[config.generator.model].generator(sample_shape, seed=config.seed, **g_settings)
    D = MODELS[config.discriminator.model].discriminator(
        sample_shape, seed=config.seed, **d_settings
    )
    if config.device != "cpu":
        G.to(config.device)
        D.to(config.device)
    return G, D


def _check_models(config: Config, sample_shape: tuple[int, ...]) -> None:
    for part in ("generator", "discriminator"):
        name = getattr(config, part).model
        if name not in MODELS:
            raise unknown(f"{part}.model", name, MODELS)
        fits = MODELS[name].fits
        if fits is not None:
            fits(sample_shape)


def _settings(config: Config, part: str) -> dict[str, Any]:
    settings = dict(config.to_dict()[part])
    del settings["model"]
    settings["norm"] = None if settings["norm"] == "none" else settings["norm"]
    settings["reference_size"] = settings["reference_size"] or config.batch_size
    return settings
