"""One Pillow image to one uint8 array: modes, alpha, orientation, resizing and cropping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pygan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from PIL import Image


def size_pair(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """``(H, W)`` of an image size given as one integer (a square) or as a pair.

    Raises:
        ConfigError: anything else, or sides outside 1..4096.
    """
    pair = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(pair) != 2 or any(type(side) is not int or not 1 <= side <= 4096 for side in pair):
        raise ConfigError(f"image_size must be (height, width), 1 to 4096 each, got {image_size}")
    return pair


def check_channels(channels: int | None) -> None:
    """Raise a ConfigError unless ``channels`` is None, 1 or 3."""
    if channels not in (None, 1, 3):
        raise ConfigError(f"channels must be 1 (grey), 3 (RGB) or None (as found), got {channels}")


def plain(image: Image.Image) -> Image.Image:
    """Any mode to ``L`` (grey) or ``RGB``.

    - alpha, also as a transparent palette entry or colour, is composited on white;
    - 16-bit grey is scaled by 255/65535 and rounded;
    - a palette is grey when all its pixels are;
    - CMYK, YCbCr, LAB and HSV become RGB; colour profiles are ignored;
    - the orientation in the EXIF data is applied.

    Raises:
        DataError: 32-bit integer or floating-point pixels, whose range nobody knows.
    """
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    mode = image.mode
    if mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise DataError("32-bit pixels are not supported; convert it to 8 or 16 bits")
        return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
    if mode == "F":
        raise DataError("floating-point pixels are not supported; convert it to 8 or 16 bits")
    if mode == "1":
        image, mode = image.convert("L"), "L"
    transparent = "transparency" in image.info
    if mode in ("LA", "La") or (mode == "L" and transparent):
        return _on_white(image.convert("LA"), "L")
    if mode in ("P", "PA"):
        if mode == "PA" or transparent:
            image = _on_white(image.convert("RGBA"), "RGB")
        else:
            image = image.convert("RGB")
        pixels = np.asarray(image)
        return image.convert("L") if (pixels == pixels[..., :1]).all() else image
    if mode in ("RGBA", "RGBa") or (mode == "RGB" and transparent):
        return _on_white(image.convert("RGBA"), "RGB")
    return image if mode in ("L", "RGB") else image.convert("RGB")


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    from PIL import Image

    background = Image.new(mode, image.size, "white")
    background.paste(image.convert(mode), mask=image.getchannel("A"))
    return background


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale so that ``size`` = (H, W) is just covered, and keep the centre.

    Bicubic with the filter widened when shrinking (antialiased); cropping and scaling are one
    resampling of the centred box, so no pixel is interpolated twice.
    """
    from PIL import Image, ImageOps

    if image.size == (size[1], size[0]):
        return image
    return ImageOps.fit(image, (size[1], size[0]), method=Image.Resampling.BICUBIC)


def adapt(images: np.ndarray, size: tuple[int, int], channels: int | None) -> np.ndarray:
    """A whole array brought to another size and number of channels.

    Args:
        images: uint8 ``(N, H, W, C)``, C 1 or 3.
        size: ``(H', W')``; :func:`fit`.
        channels: 1, 3 or None for unchanged; grey is luma (ITU-R BT.601), RGB repeats grey.

    Returns:
        uint8 ``(N, H', W', C')``; ``images`` itself where nothing changes.
    """
    channels = channels or images.shape[3]
    if images.shape[1:] == (*size, channels):
        return images
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    out = np.empty((len(images), *size, channels), np.uint8)
    for k, pixels in enumerate(images):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        out[k] = np.asarray(fit(image, size).convert(mode)).reshape(*size, channels)
    return out
