"""A folder of image files, decoded once into one array."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from pygan.data.dataset import Dataset
from pygan.data.decoding import SUFFIXES, Picture, decode, shown
from pygan.data.pixels import check_channels, size_pair
from pygan.errors import DataError


def image_folder(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int] = (28, 28),
    channels: int | None = None,
) -> Dataset:
    """Every image below ``path``, scaled and centre-cropped to one size; a tenth is held out.

    Files are found recursively by their suffix (png, jpg, jpeg, webp, bmp, gif, tif, tiff; hidden
    files and folders are left alone, links to folders not followed) and taken in the order of their
    relative paths. Of an animation the first frame counts. Each image is scaled until
    ``image_size`` is just covered (bicubic, antialiased) and its centre kept; transparent pixels
    lie on white.

    A file that cannot be decoded completely, or whose pixels exceed Pillow's limit against
    decompression bombs, is named in a warning (logger ``pygan.data``), listed in ``skipped`` and
    left out. More than ``max(10, 10% of the files)`` of them is an error.

    Args:
        path: the folder.
        image_size: ``(H, W)`` or one side for a square.
        channels: 1, 3, or None: grey if all images are grey, else RGB, the grey ones widened.

    Returns:
        Images uint8 ``(N, H, W, C)`` without labels; the held-out tenth (at least 1, at most 1,000)
        is spread evenly over the sorted files.

    Raises:
        DataError: no such folder, no usable image, fewer than two, or too many damaged files.
        ConfigError: ``image_size`` or ``channels`` is impossible.
        OutOfMemoryError: the decoded images do not fit into memory.
    """
    size = size_pair(image_size)
    check_channels(channels)
    root = Path(path)
    if not root.exists():
        raise DataError(f"no such folder: {shown(root)}")
    if not root.is_dir():
        raise DataError(f"{shown(root)} is not a folder; give the folder that holds the images")
    files = find(root)
    if not files:
        raise DataError(
            f"no images below {shown(root)}; supported are {', '.join(s[1:] for s in SUFFIXES)}"
        )
    pictures = [Picture(shown(f.relative_to(root)), partial(_regular, f)) for f in files]
    where = f"below {shown(root)}"
    return decode(pictures, size, channels, where=where, name=shown(root.resolve().name))


def _regular(file: Path) -> Path:
    if not file.is_file():  # opening a named pipe would wait forever
        raise DataError("not a regular file" if file.exists() else "broken link")
    return file


def find(root: Path) -> list[Path]:
    """The image files below ``root`` by suffix, sorted by relative path, hidden ones left out.

    Raises:
        DataError: a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"cannot list {shown(Path(error.filename))}: {error.strerror}")

    found = []
    for folder, folders, names in os.walk(root, onerror=refuse):
        # hidden: caches, trash, and macOS's "._photo.jpg", which are no images
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(folder, name)
            for name in names
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found, key=lambda file: file.relative_to(root).parts)
