"""Deep convolutional generator and discriminator by the rules of Radford et al. 2016.

The rules (section 3 of the paper): strided convolutions in D and fractionally strided ones in G
instead of pooling, no hidden dense layers, ReLU in G with tanh at its output, leaky ReLU with slope
0.2 in D, batch normalisation everywhere but at G's output and D's input.

A picture of h x w = b_h 2^n x b_w 2^n is n layers of 4x4 kernels with stride 2 away from b_h x b_w.
For 64x64 (n = 4) and width 64::

    G: z (100,) -> 4x4x512 -> 8x8x256 -> 16x16x128 -> 32x32x64 -> 64x64x3
    D: 64x64x3 -> 32x32x64 -> 16x16x128 -> 8x8x256 -> 4x4x512 -> one number

and for 28x28 (n = 2) ``G: z -> 7x7x128 -> 14x14x64 -> 28x28x1``. Features double from layer to
layer up to 8 width; above 64x64 the innermost layers all have 8 width.

Weight layers that batch normalisation follows have no bias, as in most implementations: the norm
would subtract it with the mean. All others have one. Initial values are normal
with deviation 0.02 (`pygan.nn.init.dcgan_`).
"""

from __future__ import annotations

import math

from pygan import nn
from pygan._core import Tensor
from pygan.errors import ConfigError, ShapeError
from pygan.models.norms import get_norm
from pygan.models.sizes import split_size
from pygan.nn import Module, ReferenceSequential
from pygan.nn.checks import whole
from pygan.random import Stream

__all__ = ["DCGANDiscriminator", "DCGANGenerator"]

_WIDEST = 8  # features of a layer are at most this times `width`
_SLOPE = 0.2  # of D's leaky ReLU


def _plan(
    who: str, image_shape: tuple[int, int, int], width: int
) -> tuple[tuple[int, int, int], list[tuple[int, int, int]]]:
    """(image shape, shapes of the hidden activations from the innermost outwards)."""
    if not isinstance(image_shape, (tuple, list)) or len(image_shape) != 3:
        raise ConfigError(
            f"{who}: image_shape must be (height, width, channels), got {image_shape!r}"
        )
    height, wide, channels = (whole(who, "each extent of image_shape", n) for n in image_shape)
    if channels not in (1, 3):
        raise ConfigError(
            f"{who}: image_shape must have 1 (grey) or 3 (RGB) channels, got {channels!r}"
        )
    whole(who, "width", width)
    (bh, bw), n = split_size(height, wide)
    shapes = [(bh << i, bw << i, width * min(_WIDEST, 1 << (n - 1 - i))) for i in range(n)]
    return (height, wide, channels), shapes


class DCGANGenerator(ReferenceSequential):
    """z -> picture with values in (-1, 1).

    Args:
        image_shape: (height, width, channels) of a picture; see `pygan.models.supported_size`.
        latent: number of latent values of a sample.
        width: features of the outermost hidden layer.
        norm: a key of `pygan.models.NORMS`.
        seed: of the initial weights (streams ``init.generator.*``) and of G's reference latents.
        reference_size: examples of the reference batch, for the norms that take one.

    Shapes: z ``(N, latent)`` -> ``(N, height, width, channels)``.

    Raises:
        ConfigError: a size, norm or number that does not work. ShapeError: another shape of z.

    Source: Radford et al. 2016, "Unsupervised representation learning with deep convolutional
    generative adversarial networks", figure 1.
    """

    joins_batches = True

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (64, 64, 3),
        latent: int = 100,
        width: int = 64,
        norm: str | None = "batch",
        seed: int = 0,
        reference_size: int = 64,
    ) -> None:
        rule = get_norm(norm)
        image, shapes = _plan("DCGANGenerator", image_shape, width)
        whole("DCGANGenerator", "latent", latent)
        whole("DCGANGenerator", "reference_size", reference_size)
        layers: dict[str, Module] = {}
        with nn.init.deferred():
            inner = shapes[0]
            layers["project"] = rule.wrap(nn.Linear(latent, math.prod(inner), bias=rule.bias))
            layers["reshape"] = nn.Reshape(inner)
            for i, shape in enumerate(shapes):
                if i > 0:
                    layers[f"up{i}"] = rule.wrap(
                        nn.ConvTranspose2d(
                            shapes[i - 1][2], shape[2], 4, stride=2, padding=1, bias=rule.bias
                        )
                    )
                if rule.after is not None:
                    layers[f"norm{i}"] = rule.after(shape)
                layers[f"relu{i}"] = nn.ReLU()
            layers["out"] = rule.wrap(
                nn.ConvTranspose2d(shapes[-1][2], image[2], 4, stride=2, padding=1)
            )
            layers["tanh"] = nn.Tanh()
        super().__init__(layers)
        self.image_shape, self.latent, self.width, self.norm = image, latent, width, norm
        nn.init.dcgan_(self, seed=seed, name="generator")
        self.keep_reference((reference_size, latent))
        if self.needs_reference:
            draw = Stream(seed, "reference.latent")
            self.set_reference(draw.normal((reference_size, latent)))

    def forward(self, z: Tensor) -> Tensor:
        """Pictures (N, height, width, channels) of latents (N, latent)."""
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ShapeError(f"DCGANGenerator: expected latents (N, {self.latent}), got {z.shape}")
        return super().forward(z)

    def extra_repr(self) -> str:
        return f"image_shape={self.image_shape}, latent={self.latent}, norm={self.norm!r}"


class DCGANDiscriminator(ReferenceSequential):
    """Picture -> one number: a logit of "real" or a critic's score, as the game takes it.

    Args:
        image_shape: (height, width, channels) of a picture; see `pygan.models.supported_size`.
        width: features of the first hidden layer.
        norm: a key of `pygan.models.NORMS`; None where a gradient penalty is used.
        seed: of the initial weights (streams ``init.discriminator.*``).
        reference_size: examples of the reference batch, for the norms that take one.

    Shapes: x ``(N, height, width, channels)`` -> ``(N, 1)``.

    Raises:
        ConfigError: a size, norm or number that does not work. ShapeError: another shape of x.

    Source: Radford et al. 2016, section 3; the last convolution is flattened into one output.
    """

    joins_batches = True

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (64, 64, 3),
        width: int = 64,
        norm: str | None = "batch",
        seed: int = 0,
        reference_size: int = 64,
    ) -> None:
        rule = get_norm(norm)
        image, shapes = _plan("DCGANDiscriminator", image_shape, width)
        whole("DCGANDiscriminator", "reference_size", reference_size)
        layers: dict[str, Module] = {}
        with nn.init.deferred():
            channels = image[2]
            for i, shape in enumerate(reversed(shapes)):
                normed = i > 0 and rule.after is not None  # D's input layer has no norm
                layers[f"down{i}"] = rule.wrap(
                    nn.Conv2d(
                        channels, shape[2], 4, stride=2, padding=1, bias=rule.bias or not normed
                    )
                )
                if normed and rule.after is not None:
                    layers[f"norm{i}"] = rule.after(shape)
                layers[f"lrelu{i}"] = nn.LeakyReLU(_SLOPE)
                channels = shape[2]
            layers["flatten"] = nn.Flatten()
            layers["out"] = rule.wrap(nn.Linear(math.prod(shapes[0]), 1))
        super().__init__(layers)
        self.image_shape, self.width, self.norm = image, width, norm
        nn.init.dcgan_(self, seed=seed, name="discriminator")
        self.keep_reference((reference_size, *image))

    def forward(self, x: Tensor) -> Tensor:
        """One number for each picture, (N, 1), of pictures (N, height, width, channels)."""
        if x.shape[1:] != self.image_shape:
            h, w, c = self.image_shape
            raise ShapeError(f"DCGANDiscriminator: expected (N, {h}, {w}, {c}), got {x.shape}")
        return super().forward(x)

    def extra_repr(self) -> str:
        return f"image_shape={self.image_shape}, norm={self.norm!r}"
