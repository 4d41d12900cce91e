"""Images to train on: the embedded set, folders, arrays; points; the order of drawing them.

>>> data = pygan.data.load()                       # Fashion-MNIST, 28x28 grey
>>> data = pygan.data.load("photos", (64, 64))     # a folder of images
>>> order = pygan.data.BatchOrder(len(data), batch_size=64, seed=0)
>>> x = pygan.data.to_float(data.images[order.next()])    # float32 (64, H, W, C) in [-1, 1]
>>> data = pygan.data.ring()                       # points in the plane, float32 (N, 2)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pygan.data.archive import image_zip, is_zip
from pygan.data.cifar import is_cifar, load_cifar
from pygan.data.dataset import Dataset, from_array, held_out_indices, split, to_float, to_uint8
from pygan.data.decoding import shown
from pygan.data.fashion import CLASSES, embedded
from pygan.data.folder import image_folder
from pygan.data.idx import is_idx, load_idx
from pygan.data.npz import is_npz, load_npz
from pygan.data.order import BatchOrder, permutation
from pygan.data.parquet import is_parquet, load_parquet
from pygan.data.pixels import adapt, check_channels, size_pair
from pygan.data.points import POINTS, Points, from_points, grid, ring, swiss_roll
from pygan.errors import ConfigError, DataError

__all__ = [
    "CLASSES",
    "POINTS",
    "BatchOrder",
    "Data",
    "Dataset",
    "Points",
    "adapt",
    "embedded",
    "from_array",
    "from_points",
    "grid",
    "held_out_indices",
    "image_folder",
    "load",
    "permutation",
    "ring",
    "split",
    "swiss_roll",
    "to_float",
    "to_uint8",
]

#: What a trainer trains on.
Data = Dataset | Points

Loader = Callable[[Path, tuple[int, int], int | None], Dataset]

# What `load` can read: in words, the test that recognises it, and the loader. The first match wins;
# a new format is one function and one line here.
SOURCES: tuple[tuple[str, Callable[[Path], bool], Loader], ...] = (
    ("IDX files (MNIST's form, gzipped or not)", is_idx, load_idx),
    ("CIFAR binary (.bin)", is_cifar, load_cifar),
    ("NumPy arrays (.npz, .npy)", is_npz, load_npz),
    ("Parquet with encoded images", is_parquet, load_parquet),
    ("a ZIP of images", is_zip, image_zip),
    ("a folder of images (png, jpg, webp, bmp, gif, tif)", Path.is_dir, image_folder),
)


def load(
    path: str | os.PathLike[str] | None = None,
    image_size: int | tuple[int, int] = (28, 28),
    channels: int | None = None,
) -> Dataset:
    """The training images at ``path``, all of one size.

    Args:
        path: None for the embedded Fashion-MNIST subset, or one of :data:`SOURCES`.
        image_size: ``(H, W)`` or one side for a square; images are scaled and centre-cropped to it.
        channels: 1 (grey), 3 (RGB), or None for what the images have.

    Raises:
        DataError: nothing there, or nothing that can be read; the message says what can.
        ConfigError: ``image_size`` or ``channels`` is impossible.
    """
    size = size_pair(image_size)
    check_channels(channels)
    if path is None:
        data = embedded()
        data.images = adapt(data.images, size, channels)
        data.held_out = adapt(data.held_out, size, channels)
        return data
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"load: path must be a file or a folder, got {path!r}")
    supported = "; ".join(words for words, _, _ in SOURCES)
    if not os.fspath(path):  # Path("") would be the current folder
        raise DataError(f"the data path is empty; supported: {supported}")
    path = Path(path)
    for _, recognises, loader in SOURCES:
        if recognises(path):
            return loader(path, size, channels)
    if not path.exists():
        raise DataError(f"no such file or folder: {shown(path)}")
    raise DataError(f"{shown(path)} is nothing that pygan can read; supported: {supported}")
