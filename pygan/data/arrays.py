"""Files that hold whole arrays of pixels: IDX, CIFAR binary, NPZ and NPY.

Each reader returns `Part`s, a training one and perhaps a test one; `assemble` makes a data set of
them. Sizes are taken from headers and checked against the file's length before memory is asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pygan.data.dataset import MAX_HELD_OUT, Dataset, split, to_uint8
from pygan.data.pixels import adapt
from pygan.errors import DataError, NonFiniteError, OutOfMemoryError


@dataclass(frozen=True)
class Part:
    """Images uint8 ``(N, H, W, C)`` and labels int64 ``(N,)`` or None."""

    images: np.ndarray
    labels: np.ndarray | None = None


def assemble(
    train: Part, test: Part | None, size: tuple[int, int], channels: int | None, name: str
) -> Dataset:
    """The data set of a training part and a test part, which is what is held out.

    At most 1,000 test images are kept, evenly spread; without a test part a tenth of the training
    images is held out. Labels are kept where every part has them.
    """
    images = adapt(train.images, size, channels)
    if test is None:
        # split moves images about inside its argument, which must not be a reader's buffer
        images = images.copy() if not images.flags.writeable else images
        return split(images, train.labels, name=name)
    count = len(test.images)
    m = min(MAX_HELD_OUT, count)
    chosen = (2 * np.arange(m, dtype=np.int64) + 1) * count // (2 * m)
    held = adapt(test.images[chosen], size, images.shape[3])
    labelled = train.labels is not None and test.labels is not None
    return Dataset(
        images=images,
        held_out=held,
        labels=train.labels if labelled else None,
        held_out_labels=test.labels[chosen] if labelled and test.labels is not None else None,
        name=name,
    )


def pixels(array: np.ndarray, where: str) -> np.ndarray:
    """Any sensible array of images as uint8 ``(N, H, W, C)``.

    ``(N, H, W)`` is grey; bytes stay, floats lie in [-1, 1].

    Raises:
        DataError: anything else; the message begins with ``where``.
    """
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or 0 in array.shape or array.shape[3] not in (1, 3):
        first = array.ndim == 4 and array.shape[1] in (1, 3)
        hint = "; transpose (0, 2, 3, 1) puts channels last" if first else ""
        raise DataError(
            f"{where} has shape {array.shape}, images are (N, H, W) or (N, H, W, 1 or 3){hint}"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype not in (np.float32, np.float64):
        raise DataError(f"{where} is {array.dtype}, images are uint8, or float in [-1, 1]")
    try:
        images = to_uint8(array)
    except NonFiniteError as error:
        raise DataError(f"{where}: {error}") from None
    low, high = array.min(), array.max()
    if max(-low, high) > 1:
        raise DataError(f"{where} has floats from {low:g} to {high:g}, they must lie in [-1, 1]")
    return images


def labels_of(array: np.ndarray, count: int, where: str) -> np.ndarray:
    """Labels as int64 ``(N,)``. Raises DataError: no integers, or not one an image."""
    if array.shape == (count, 1):
        array = array[:, 0]
    if not np.issubdtype(array.dtype, np.integer) or array.shape != (count,):
        raise DataError(
            f"{where} must be {count} integers, one an image; it is {array.dtype} {array.shape}"
        )
    return array.astype(np.int64)


def check_memory(count: int, where: str) -> None:
    """Raises OutOfMemoryError where ``count`` bytes exceed what the machine has."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system tells
        return
    if count > total:
        raise OutOfMemoryError(
            f"{where} unpacks to {count / 1e9:.1f} GB, this machine has {total / 1e9:.1f} GB"
        )


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a file, gunzipped where it is gzip; at most ``limit + 1`` of them.

    Raises:
        DataError: it cannot be read, or its compressed stream is damaged or cut off.
    """
    import gzip
    import zlib

    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not packed:
                return file.read(limit + 1)
            with gzip.open(file) as stream:
                return stream.read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = str(error) or "cut off"
        raise DataError(f"{path.name} is damaged: {reason}") from None
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror or error}") from None
    except MemoryError:
        raise OutOfMemoryError(f"{path.name} does not fit into memory") from None
