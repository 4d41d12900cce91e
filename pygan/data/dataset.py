"""A set of images in memory, and the step between bytes and the range that networks see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pygan.errors import DataError, DTypeError, NonFiniteError, ShapeError

MAX_HELD_OUT = 1000


@dataclass
class Dataset:
    """Images to train on, and others that training never sees and scores are computed against.

    Attributes:
        images: uint8 ``(N, H, W, C)``, C being 1 (grey) or 3 (RGB).
        held_out: uint8 ``(M, H, W, C)``, of the same H, W and C.
        labels, held_out_labels: int64 ``(N,)`` and ``(M,)``, or None where there are none.
        name: what reports call it.
        skipped: ``(path, reason)`` of every file that could not be used.

    Raises:
        ShapeError, DTypeError: what is given does not fit the lines above.
    """

    images: np.ndarray
    held_out: np.ndarray
    labels: np.ndarray | None = None
    held_out_labels: np.ndarray | None = None
    name: str = "images"
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        pairs = (
            ("images", self.images, "labels", self.labels),
            ("held_out", self.held_out, "held_out_labels", self.held_out_labels),
        )
        for name, images, labels_name, labels in pairs:
            if images.dtype != np.uint8:
                raise DTypeError(f"{name} must be uint8, got {images.dtype}")
            if images.ndim != 4 or 0 in images.shape or images.shape[3] not in (1, 3):
                raise ShapeError(f"{name} must be (N, H, W, 1 or 3), got {images.shape}")
            if labels is not None and labels.dtype != np.int64:
                raise DTypeError(f"{labels_name} must be int64, got {labels.dtype}")
            if labels is not None and labels.shape != images.shape[:1]:
                raise ShapeError(f"{labels_name} must be ({len(images)},), got {labels.shape}")
        if self.images.shape[1:] != self.held_out.shape[1:]:
            raise ShapeError(
                f"images are {self.images.shape[1:]}, held_out is {self.held_out.shape[1:]}"
            )

    #: What one sample is called, in the plural.
    unit: ClassVar[str] = "images"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(H, W, C)``."""
        return self.images.shape[1:]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """``(H, W, C)``: what the images share with other data, see `pygan.data.Points`."""
        return self.image_shape

    @property
    def training(self) -> np.ndarray:
        """The images to train on."""
        return self.images

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """The training images ``indices`` as networks see them: float32 in [-1, 1]."""
        return to_float(self.images[indices])

    def __len__(self) -> int:
        """The number of training images."""
        return len(self.images)


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 of any shape to float32 in [-1, 1]: ``x / 127.5 - 1``.

    Raises:
        DTypeError: the input is not uint8.
    """
    if images.dtype != np.uint8:
        raise DTypeError(f"to_float takes uint8, got {images.dtype}")
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float32 or float64 of any shape in [-1, 1] to uint8: the inverse of :func:`to_float`.

    ``(x + 1) * 127.5``, clipped to [0, 255] and rounded to the nearest integer; halves round up,
    which is away from zero because nothing is negative (0 becomes 128). ``to_uint8(to_float(u))``
    is ``u`` for every byte.

    Raises:
        DTypeError: the input is neither float32 nor float64.
        NonFiniteError: the input has NaN; infinities are clipped like other large values.
    """
    if images.dtype not in (np.float32, np.float64):
        raise DTypeError(f"to_uint8 takes float32 or float64, got {images.dtype}")
    # float64: in float32 the sum with 0.5 would round 0.49999997 up to 1.
    scaled = (np.clip(images, -1.0, 1.0).astype(np.float64) + 1.0) * 127.5
    if np.isnan(scaled).any():
        raise NonFiniteError(f"images have {np.isnan(scaled).sum()} NaN values")
    return np.floor(scaled + 0.5).astype(np.uint8)


def held_out_indices(count: int) -> np.ndarray:
    """Which of ``count`` items are held out: a tenth, at least 1, at most 1,000, evenly spread.

    Item ``floor((i + 1/2) count / m)`` for i in 0..m-1, so every part of a sorted list of files
    (often sorted by class or by time) gives its share.

    Raises:
        DataError: fewer than two items, so that none is left to train on.
    """
    if count < 2:
        raise DataError(f"at least 2 images are needed (one is held out for scores), got {count}")
    m = min(MAX_HELD_OUT, max(1, count // 10))
    return (2 * np.arange(m, dtype=np.int64) + 1) * count // (2 * m)


def split(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    name: str = "images",
    skipped: list[tuple[str, str]] | None = None,
) -> Dataset:
    """Hold out a tenth of ``images`` (:func:`held_out_indices`); the rest is for training.

    Args:
        images: uint8 ``(N, H, W, C)``. It is taken over: the training images are moved together
            inside it, because a second copy of a large set may not fit into memory.
        labels: int64 ``(N,)`` or None.

    Raises:
        DataError: fewer than two images.
        ShapeError, DTypeError: as for :class:`Dataset`.
    """
    held = held_out_indices(len(images))
    held_out = images[held]
    start = held[0]
    for begin, end in zip(held + 1, np.append(held[1:], len(images)), strict=True):
        images[start : start + end - begin] = images[begin:end]
        start += end - begin
    return Dataset(
        images=images[:start],
        held_out=held_out,
        labels=None if labels is None else np.delete(labels, held),
        held_out_labels=None if labels is None else labels[held],
        name=name,
        skipped=skipped or [],
    )


def from_array(
    images: np.ndarray, labels: np.ndarray | None = None, *, name: str = "array"
) -> Dataset:
    """A :class:`Dataset` of an array; a tenth of it is held out.

    Args:
        images: ``(N, H, W)`` or ``(N, H, W, C)``, C 1 or 3; uint8, or float in [-1, 1]. Copied.
        labels: integers ``(N,)`` or None.

    Raises:
        DataError: fewer than two images, or float values outside [-1, 1].
        ShapeError, DTypeError, NonFiniteError: what is given does not fit the lines above.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype == np.uint8:
        images = images.copy()
    else:
        as_bytes = to_uint8(images)  # checks dtype and NaN
        if images.size and max(-images.min(), images.max()) > 1:
            raise DataError(
                f"float images must lie in [-1, 1], got [{images.min():g}, {images.max():g}]"
            )
        images = as_bytes
    if labels is not None:
        labels = np.asarray(labels)
        if not np.issubdtype(labels.dtype, np.integer):
            raise DTypeError(f"labels must be integers, got {labels.dtype}")
        labels = labels.astype(np.int64)
        if labels.shape != images.shape[:1]:
            raise ShapeError(f"labels must be ({len(images)},), got {labels.shape}")
    return split(images, labels, name=name)
