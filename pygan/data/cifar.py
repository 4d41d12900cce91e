"""CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky 2009).

A record is one label byte (CIFAR-100: coarse, then fine) and 3,072 bytes of a 32x32 picture, one
plane a channel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pygan.data.arrays import Part, assemble, check_memory, read_limited
from pygan.data.dataset import Dataset
from pygan.data.decoding import shown
from pygan.errors import DataError

SIDE, PIXELS = 32, 3 * 32 * 32
#: Files of a folder: training ones, test ones.
_FOLDERS = (("data_batch_*.bin", "test_batch.bin"), ("train.bin", "test.bin"))


def is_cifar(path: Path) -> bool:
    """Whether ``path`` is a .bin file, or a folder with CIFAR's .bin files."""
    if path.is_dir():
        return any(list(path.glob(pattern)) for pattern, _ in _FOLDERS)
    return path.is_file() and path.name.lower().endswith((".bin", ".bin.gz"))


def load_cifar(path: Path, size: tuple[int, int], channels: int | None) -> Dataset:
    """The images and labels (CIFAR-100: the fine ones) of a file, or of a folder with all batches.

    In a folder the test batch is what is held out.

    Raises:
        DataError: a file is no whole number of records, or has impossible labels.
    """
    name = shown(path.resolve().name)
    if not path.is_dir():
        return assemble(read_cifar([path]), None, size, channels, name)
    for pattern, test_name in _FOLDERS:
        train = sorted(path.glob(pattern))
        if train:
            test = path / test_name
            held = read_cifar([test]) if test.is_file() else None
            return assemble(read_cifar(train), held, size, channels, name)
    raise DataError(f"{shown(path)} has no data_batch_*.bin and no train.bin")


def read_cifar(files: list[Path]) -> Part:
    """All records of the files: uint8 (N, 32, 32, 3) and int64 (N,).

    Raises:
        DataError: as :func:`load_cifar`.
    """
    images, labels = [], []
    for file in files:
        name = shown(file.name)
        try:
            check_memory(file.stat().st_size, name)
        except OSError as error:
            raise DataError(f"cannot read {name}: {error.strerror}") from None
        content = np.frombuffer(read_limited(file, 1 << 32), np.uint8)
        # 3,073 and 3,074 share no multiple below nine million bytes, where labels decide.
        for label_bytes, classes in ((1, 10), (2, 100)):
            record = label_bytes + PIXELS
            if content.size == 0 or content.size % record:
                continue
            rows = content.reshape(-1, record)
            label = rows[:, label_bytes - 1].astype(np.int64)
            if label.max() < classes:
                planes = rows[:, label_bytes:].reshape(-1, 3, SIDE, SIDE)
                images.append(planes.transpose(0, 2, 3, 1))
                labels.append(label)
                break
        else:
            raise DataError(
                f"{name} is no CIFAR file: {content.size:,} bytes are no whole number of records "
                f"of {1 + PIXELS:,} (CIFAR-10) or {2 + PIXELS:,} (CIFAR-100) with labels in range"
            )
    return Part(np.concatenate(images), np.concatenate(labels))
