"""NumPy's own files: one array (.npy) or several by name (.npz). Pickled objects are refused."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from pygan.data.arrays import Part, assemble, check_memory, labels_of, pixels
from pygan.data.dataset import Dataset
from pygan.data.decoding import shown
from pygan.errors import DataError, OutOfMemoryError

#: Names of arrays, the first that is there counts; keras.datasets' and torchvision's among them.
TRAIN, TRAIN_LABELS = (
    ("images", "x_train", "train_images", "x", "data", "arr_0"),
    (
        "labels",
        "y_train",
        "train_labels",
        "y",
        "targets",
    ),
)
TEST, TEST_LABELS = (
    ("held_out", "x_test", "test_images"),
    (
        "held_out_labels",
        "y_test",
        "test_labels",
    ),
)


def is_npz(path: Path) -> bool:
    """Whether ``path`` is a .npz or .npy file."""
    return path.is_file() and path.suffix.lower() in (".npz", ".npy")


def load_npz(path: Path, size: tuple[int, int], channels: int | None) -> Dataset:
    """The images of a .npy file, or of a .npz file by the names in `TRAIN` and `TEST`.

    Images are ``(N, H, W)`` or ``(N, H, W, C)``, uint8 or float in [-1, 1]; labels are integers.

    Raises:
        DataError: damaged, pickled, no array of a known name, or arrays that are no images.
        OutOfMemoryError: an array is larger than the machine's memory.
    """
    name = shown(path.name)
    try:
        if path.suffix.lower() == ".npy":
            with open(path, "rb") as file:
                return assemble(Part(pixels(_array(file, name), name)), None, size, channels, name)
        with zipfile.ZipFile(path) as archive:
            train = _part(archive, TRAIN, TRAIN_LABELS, name)
            if train is None:
                found = ", ".join(shown(n) for n in archive.namelist()[:8]) or "nothing"
                raise DataError(f"{name} has no array named {', '.join(TRAIN)}; it has {found}")
            test = _part(archive, TEST, TEST_LABELS, name)
        return assemble(train, test, size, channels, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{name} is damaged: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from None
    except OutOfMemoryError:
        raise
    except MemoryError:
        raise OutOfMemoryError(f"{name} does not fit into memory") from None


def _part(
    archive: zipfile.ZipFile, names: tuple[str, ...], label_names: tuple[str, ...], where: str
) -> Part | None:
    members = set(archive.namelist())
    image_name = next((n for n in names if f"{n}.npy" in members), None)
    if image_name is None:
        return None
    images = pixels(_member(archive, image_name, where), f"{where}, {image_name}")
    label_name = next((n for n in label_names if f"{n}.npy" in members), None)
    if label_name is None:
        return Part(images)
    labels = _member(archive, label_name, where)
    return Part(images, labels_of(labels, len(images), f"{where}, {label_name}"))


def _member(archive: zipfile.ZipFile, name: str, where: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        return _array(file, f"{where}, {name}")


def _array(file: object, where: str) -> np.ndarray:
    """One array in .npy format; its header is looked at before any memory is asked for."""
    try:
        version = npy.read_magic(file)  # type: ignore[arg-type]
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)  # type: ignore[arg-type]
    except (ValueError, SyntaxError, TypeError, RecursionError) as error:
        raise DataError(f"{where} is no array: {' '.join(str(error).split())[:120]}") from None
    if dtype.hasobject:
        raise DataError(f"{where} holds pickled objects, which are never loaded")
    if any(n < 0 for n in shape):
        raise DataError(f"{where} has an impossible shape {shape}")
    length = math.prod(shape) * dtype.itemsize
    check_memory(length, where)
    content = file.read(length)  # type: ignore[attr-defined]
    if len(content) != length:
        raise DataError(f"{where} is cut off: {len(content):,} of {length:,} bytes")
    array = np.frombuffer(content, dtype)
    array = array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
    return np.ascontiguousarray(array.astype(dtype.newbyteorder("="), copy=False))
