"""IDX files, as MNIST and its successors come in (LeCun, Cortes and Burges, 1998).

Two zero bytes, a type code, the number of dimensions, each extent as a big-endian 32-bit integer,
then the values in row-major order. Gzipped files are read as they are.
"""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path

import numpy as np

from pygan.data.arrays import Part, assemble, check_memory, labels_of, pixels, read_limited
from pygan.data.dataset import Dataset
from pygan.data.decoding import shown
from pygan.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(r"idx\d-ubyte(\.gz)?$")
_TEST = re.compile(r"t10k|test", re.IGNORECASE)


def is_idx(path: Path) -> bool:
    """Whether ``path`` is an IDX file, or a folder with IDX files of images."""
    if path.is_dir():
        return bool(_images_in(path))
    name = path.name.lower()
    return path.is_file() and (bool(_NAME.search(name)) or name.endswith((".idx", ".idx.gz")))


def load_idx(path: Path, size: tuple[int, int], channels: int | None) -> Dataset:
    """The images of an IDX file, or of a folder with MNIST's four files.

    In a folder, the file with ``t10k`` or ``test`` in its name is what is held out. Labels are read
    where a file of the same name with ``labels-idx1`` for ``images-idx3`` lies beside.

    Raises:
        DataError: a file is damaged or cut off, or holds no images.
    """
    files = _images_in(path) if path.is_dir() else [path]
    train = [f for f in files if not _TEST.search(f.name)] or files
    test = [f for f in files if f not in train]
    for group in (train, test):
        if len(group) > 1:
            names = ", ".join(f.name for f in group)
            raise DataError(f"{shown(path)} has several sets of images ({names}): name one file")
    held = _part(test[0]) if test else None
    return assemble(_part(train[0]), held, size, channels, shown(path.resolve().name))


def read_idx(path: Path) -> np.ndarray:
    """One IDX file, gzipped or not, as an array in the machine's byte order.

    Raises:
        DataError: not IDX, cut off, followed by more bytes than its header says.
    """
    name = shown(path.name)
    head = read_limited(path, 4 + 4 * 255)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or head[3] == 0:
        raise DataError(f"{name} is not an IDX file")
    rank = head[3]
    start = 4 + 4 * rank
    if len(head) < start:
        raise DataError(f"{name} is cut off within its header")
    shape = struct.unpack(f">{rank}I", head[4:start])
    dtype = np.dtype(TYPES[head[2]])
    length = start + math.prod(shape) * dtype.itemsize
    check_memory(length, name)
    content = read_limited(path, length)
    if len(content) != length:
        found = "more" if len(content) > length else f"{len(content):,}"
        raise DataError(f"{name} says {shape}, which is {length:,} bytes, but has {found}")
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _part(path: Path) -> Part:
    name = shown(path.name)
    images = pixels(read_idx(path), name)
    beside = path.with_name(re.sub(r"images([-.])idx3", r"labels\1idx1", path.name))
    if beside == path or not beside.is_file():
        return Part(images)
    return Part(images, labels_of(read_idx(beside), len(images), shown(beside.name)))


def _images_in(folder: Path) -> list[Path]:
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return []  # whoever reads the folder next says why it cannot be listed
    return [
        file
        for file in files
        if _NAME.search(file.name.lower()) and "idx1-" not in file.name.lower()
    ]
