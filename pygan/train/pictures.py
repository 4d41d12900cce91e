"""Pictures of pictures: grids of samples, and PNG files that are whole or not there."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np

from pygan.errors import ConfigError, DTypeError, ShapeError
from pygan.train.files import write_atomic

__all__ = ["grid", "png_bytes", "save_png"]

PAPER = 255  # what lies between the images


def grid(images: np.ndarray, columns: int | None = None, pad: int = 2) -> np.ndarray:
    """Images side by side, row by row, on white.

    Args:
        images: uint8 ``(N, H, W, C)``, C 1 or 3, N at least 1.
        columns: images in a row; None for about as many columns as rows.
        pad: white pixels between images and around all of them.

    Returns:
        uint8 ``(rows (H + pad) + pad, columns (W + pad) + pad, C)``; cells of the last row that no
        image fills stay white.

    Raises:
        DTypeError, ShapeError: ``images`` is not as above.
        ConfigError: ``columns`` < 1 or ``pad`` < 0.
    """
    if images.dtype != np.uint8:
        raise DTypeError(f"grid takes uint8 images, got {images.dtype}")
    if images.ndim != 4 or 0 in images.shape or images.shape[3] not in (1, 3):
        raise ShapeError(f"grid takes (N, H, W, 1 or 3) and at least one, got {images.shape}")
    n, h, w, c = images.shape
    if columns is None:
        columns = math.ceil(math.sqrt(n))
    if columns < 1 or pad < 0:
        raise ConfigError(f"columns must be at least 1 and pad 0, got {columns} and {pad}")
    rows = -(-n // columns)
    cells = np.full((rows * columns, h + pad, w + pad, c), PAPER, np.uint8)
    cells[:n, pad:, pad:] = images
    sheet = cells.reshape(rows, columns, h + pad, w + pad, c).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (h + pad), columns * (w + pad), c)
    return np.pad(sheet, ((0, pad), (0, pad), (0, 0)), constant_values=PAPER)


def png_bytes(image: np.ndarray, scale: int = 1) -> bytes:
    """``image`` as a PNG file, each pixel repeated ``scale`` times in both directions.

    Args:
        image: uint8 ``(H, W)``, ``(H, W, 1)`` or ``(H, W, 3)``.
        scale: whole factor, at least 1: interpolation would hide what a network drew.

    Raises:
        DTypeError, ShapeError: ``image`` is not as above.
        ConfigError: ``scale`` < 1.
    """
    from PIL import Image

    if image.dtype != np.uint8:
        raise DTypeError(f"a picture must be uint8, got {image.dtype}")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if 0 in image.shape or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ShapeError(f"a picture must be (H, W), (H, W, 1) or (H, W, 3), got {image.shape}")
    if scale < 1:
        raise ConfigError(f"scale must be at least 1, got {scale}")
    image = image.repeat(scale, axis=0).repeat(scale, axis=1)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "PNG", optimize=True)
    return file.getvalue()


def save_png(path: Path, image: np.ndarray, scale: int = 1) -> None:
    """Write ``image`` (see :func:`png_bytes`) to ``path``, replacing it as a whole.

    Raises:
        CheckpointError: the disk refuses; what stood at ``path`` still stands.
        DTypeError, ShapeError, ConfigError: as :func:`png_bytes`.
    """
    write_atomic(Path(path), [png_bytes(image, scale)])
