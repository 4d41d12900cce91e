"""The data set that comes with pygan: 7,000 images of Fashion-MNIST (Xiao et al., 2017).

Made by tools/build_embedded_data.py, which documents the choice of images and the file's layout;
MIT licence, see LICENSE.fashion-mnist beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pygan.data.dataset import Dataset
from pygan.errors import DataError

PATH = Path(__file__).with_name("fashion_mnist.bin.gz")
SHA256 = "0c12340444fb28cbf5b909b145c1fdcf4dfc844c18b36f123206ea405889438b"  # decompressed

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

NAME = "Fashion-MNIST (embedded subset)"
TRAINING, HELD_OUT, SIDE = 6000, 1000, 28


def embedded() -> Dataset:
    """The embedded Fashion-MNIST subset: 6,000 images to train on and 1,000 held out.

    Images are uint8 ``(N, 28, 28, 1)``, labels int64 0..9 (named by ``pygan.data.CLASSES``), each
    class a tenth of each part. The training images come from the source's training set, the
    held-out ones from its test set. Arrays are fresh and writable.

    Raises:
        DataError: the file is missing or damaged.
    """
    import gzip
    import hashlib
    import zlib

    try:
        # trailing garbage, a wrong CRC and a cut stream all raise; the digest sees what they miss
        content = bytearray(gzip.decompress(PATH.read_bytes()))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read the embedded data {PATH}: {error}; reinstall pygan") from None
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DataError(f"the embedded data {PATH} is damaged (wrong sha256); reinstall pygan")
    values = np.frombuffer(content, np.uint8)
    count = TRAINING + HELD_OUT
    images = values[: count * SIDE * SIDE].reshape(count, SIDE, SIDE, 1)
    labels = values[count * SIDE * SIDE :].astype(np.int64)
    return Dataset(
        images=images[:TRAINING],
        held_out=images[TRAINING:],
        labels=labels[:TRAINING],
        held_out_labels=labels[TRAINING:],
        name=NAME,
    )
