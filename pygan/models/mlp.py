"""Multilayer perceptrons as generator and discriminator: for points in the plane, or for images.

::

    G: z (latent,) -> [Linear width, norm, ReLU] x depth -> Linear -> (2,)
    D: (2,) -> [Linear width, norm, leaky ReLU 0.2] x depth -> Linear -> one number

An image (H, W, C) is flattened before D's first layer, and G's last layer is reshaped to it after a
tanh, since images lie in [-1, 1]; points are not bounded, so there is none. As in a DCGAN, G's
output and D's input layer have no norm, and a weight layer before a norm that shifts by itself has
no bias.

Initial values are those of `nn.init.he_` (He, Zhang, Ren and Sun, "Delving deep into rectifiers",
ICCV 2015): weights normal with variance ``gain^2 / fan_in``, gain^2 = 2 / (1 + slope^2) before a
(leaky) ReLU and 1 in the last layer, biases 0; so each layer keeps the size of what passes through
it. (A DCGAN's deviation of 0.02 would shrink it by a factor of 6 a layer at width 128.) They come
from the streams ``init.generator.<layer>.weight`` and ``init.discriminator.<layer>.weight``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pygan import nn
from pygan._core import Tensor
from pygan.errors import ConfigError, ShapeError
from pygan.models.norms import get_norm
from pygan.nn import Module, ReferenceSequential
from pygan.nn.checks import whole
from pygan.random import Stream

__all__ = ["MLPDiscriminator", "MLPGenerator"]

_SLOPE = 0.2  # of D's leaky ReLU


def _sample_shape(who: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    extents = (shape,) if isinstance(shape, int) else shape
    if not isinstance(extents, (tuple, list)) or len(extents) not in (1, 3):
        raise ConfigError(
            f"{who}: shape must be a number of values or (height, width, channels), got {shape!r}"
        )
    return tuple(whole(who, "each extent of shape", extent) for extent in extents)


class MLPGenerator(ReferenceSequential):
    """z -> a point, or an image with values in (-1, 1).

    Args:
        shape: of a sample: a number of values (2 for points in the plane), or
            (height, width, channels).
        latent: number of latent values of a sample.
        width: features of each hidden layer.
        depth: number of hidden layers.
        norm: a key of `pygan.models.NORMS`.
        seed: of the initial weights (streams ``init.generator.*``) and of G's reference latents.
        reference_size: examples of the reference batch, for the norms that take one.

    Shapes: z ``(N, latent)`` -> ``(N, *shape)``.

    Raises:
        ConfigError: a shape, norm or number that does not work. ShapeError: another shape of z.

    Source: the networks of Goodfellow et al. 2014, "Generative adversarial nets", with the
    rectifiers and norms of Radford et al. 2016.
    """

    joins_batches = True

    def __init__(
        self,
        shape: int | Sequence[int] = 2,
        latent: int = 2,
        width: int = 128,
        depth: int = 3,
        norm: str | None = None,
        seed: int = 0,
        reference_size: int = 64,
    ) -> None:
        rule = get_norm(norm)
        sample = _sample_shape("MLPGenerator", shape)
        whole("MLPGenerator", "latent", latent)
        whole("MLPGenerator", "width", width)
        whole("MLPGenerator", "depth", depth)
        whole("MLPGenerator", "reference_size", reference_size)
        layers: dict[str, Module] = {}
        with nn.init.deferred():
            for i in range(depth):
                linear = nn.Linear(latent if i == 0 else width, width, bias=rule.bias)
                layers[f"linear{i}"] = rule.wrap(linear)
                if rule.after is not None:
                    layers[f"norm{i}"] = rule.after((width,))
                layers[f"relu{i}"] = nn.ReLU()
            layers["out"] = rule.wrap(nn.Linear(width, math.prod(sample)))
            if len(sample) == 3:
                layers["tanh"] = nn.Tanh()
                layers["reshape"] = nn.Reshape(sample)
        super().__init__(layers)
        self.sample_shape, self.latent, self.width = sample, latent, width
        self.depth, self.norm = depth, norm
        nn.init.he_(self, seed=seed, name="generator", last="out")
        self.keep_reference((reference_size, latent))
        if self.needs_reference:
            draw = Stream(seed, "reference.latent")
            self.set_reference(draw.normal((reference_size, latent)))

    def forward(self, z: Tensor) -> Tensor:
        """Samples (N, *shape) of latents (N, latent)."""
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ShapeError(f"MLPGenerator: expected latents (N, {self.latent}), got {z.shape}")
        return super().forward(z)

    def extra_repr(self) -> str:
        return f"shape={self.sample_shape}, latent={self.latent}, norm={self.norm!r}"


class MLPDiscriminator(ReferenceSequential):
    """A point or an image -> one number: a logit of "real" or a score, as the game takes it.

    Args:
        shape: of a sample: a number of values, or (height, width, channels).
        width: features of each hidden layer.
        depth: number of hidden layers.
        norm: a key of `pygan.models.NORMS`; None where a gradient penalty is used.
        seed: of the initial weights (streams ``init.discriminator.*``).
        reference_size: examples of the reference batch, for the norms that take one.

    Shapes: x ``(N, *shape)`` -> ``(N, 1)``.

    Raises:
        ConfigError: a shape, norm or number that does not work. ShapeError: another shape of x.

    Source: as for `MLPGenerator`.
    """

    joins_batches = True

    def __init__(
        self,
        shape: int | Sequence[int] = 2,
        width: int = 128,
        depth: int = 3,
        norm: str | None = None,
        seed: int = 0,
        reference_size: int = 64,
    ) -> None:
        rule = get_norm(norm)
        sample = _sample_shape("MLPDiscriminator", shape)
        whole("MLPDiscriminator", "width", width)
        whole("MLPDiscriminator", "depth", depth)
        whole("MLPDiscriminator", "reference_size", reference_size)
        layers: dict[str, Module] = {}
        with nn.init.deferred():
            if len(sample) == 3:
                layers["flatten"] = nn.Flatten()
            features = math.prod(sample)
            for i in range(depth):
                normed = i > 0 and rule.after is not None  # D's input layer has no norm
                linear = nn.Linear(features, width, bias=rule.bias or not normed)
                layers[f"linear{i}"] = rule.wrap(linear)
                if normed and rule.after is not None:
                    layers[f"norm{i}"] = rule.after((width,))
                layers[f"lrelu{i}"] = nn.LeakyReLU(_SLOPE)
                features = width
            layers["out"] = rule.wrap(nn.Linear(features, 1))
        super().__init__(layers)
        self.sample_shape, self.width, self.depth, self.norm = sample, width, depth, norm
        nn.init.he_(self, seed=seed, name="discriminator", slope=_SLOPE, last="out")
        self.keep_reference((reference_size, *sample))

    def forward(self, x: Tensor) -> Tensor:
        """One number for each sample, (N, 1), of samples (N, *shape)."""
        if x.shape[1:] != self.sample_shape:
            expected = ", ".join(["N", *map(str, self.sample_shape)])
            raise ShapeError(f"MLPDiscriminator: expected ({expected}), got {x.shape}")
        return super().forward(x)

    def extra_repr(self) -> str:
        return f"shape={self.sample_shape}, norm={self.norm!r}"
