"""Build the data set that comes with pygan from Debian's package ``dataset-fashion-mnist``.

    sudo apt-get install dataset-fashion-mnist
    python tools/build_embedded_data.py            # writes pygan/data/fashion_mnist.bin.gz

The rule: of each of the ten classes the first 600 images of the training set and the first 100 of
the test set, in the order of the source files (so the classes come mixed, as they do there). Images
are not changed. The file is a gzip stream of, one after another,

    6,000 training images   28 x 28 uint8, row-major
    1,000 held-out images   28 x 28 uint8
    6,000 training labels   uint8, 0 to 9
    1,000 held-out labels   uint8

Digests are taken of decompressed bytes, because packagers and zlib versions compress differently.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

SOURCE = Path("/usr/share/datasets/fashion-mnist")
TARGET = Path(__file__).resolve().parent.parent / "pygan" / "data" / "fashion_mnist.bin.gz"

# sha256 of the decompressed IDX files of dataset-fashion-mnist 0.0~git20200523.55506a9-1.
SOURCE_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
IMAGES_MAGIC, LABELS_MAGIC = 0x803, 0x801  # uint8 in three dimensions, uint8 in one


def read(source: Path, name: str) -> bytes:
    """The decompressed bytes of ``source/name.gz``, their digest checked."""
    path = source / f"{name}.gz"
    if not path.is_file():
        sys.exit(f"{path} is missing; install it with: apt-get install dataset-fashion-mnist")
    raw = gzip.decompress(path.read_bytes())
    digest = hashlib.sha256(raw).hexdigest()
    if digest != SOURCE_SHA256[name]:
        sys.exit(f"{path}: sha256 of the decompressed bytes is {digest}, not {SOURCE_SHA256[name]}")
    return raw


def parse(raw: bytes, magic: int) -> np.ndarray:
    """An IDX file: big-endian magic and sizes, then uint8 values."""
    dims = magic & 0xFF
    header = np.frombuffer(raw, ">u4", count=1 + dims)
    if header[0] != magic:
        sys.exit(f"IDX magic is {header[0]:#x}, expected {magic:#x}")
    return np.frombuffer(raw, np.uint8, offset=4 * (1 + dims)).reshape(header[1:])


def balanced(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Indices of the first ``per_class`` items of each class, in ascending order."""
    chosen = [np.flatnonzero(labels == k)[:per_class] for k in range(10)]
    if any(len(c) != per_class for c in chosen):
        sys.exit(f"a class has fewer than {per_class} images")
    return np.sort(np.concatenate(chosen))


def build(source: Path) -> bytes:
    """The decompressed content of the embedded file."""
    images, labels = [], []
    for part, per_class in (("train", 600), ("t10k", 100)):
        x = parse(read(source, f"{part}-images-idx3-ubyte"), IMAGES_MAGIC)
        y = parse(read(source, f"{part}-labels-idx1-ubyte"), LABELS_MAGIC)
        chosen = balanced(y, per_class)
        images.append(x[chosen].tobytes())
        labels.append(y[chosen].tobytes())
    return b"".join(images + labels)


def main() -> None:
    """Write the file and print the digests that ``pygan/data/fashion.py`` must carry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder of the four IDX files")
    parser.add_argument("--out", type=Path, default=TARGET, help="file to write")
    args = parser.parse_args()
    content = build(args.source)
    # mtime=0: the gzip header would otherwise carry the time, and no two builds would be equal.
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    args.out.write_bytes(packed)
    print(f"{args.out}: {len(packed):,} bytes, decompressed {len(content):,}")
    print(f"sha256 of the decompressed bytes  {hashlib.sha256(content).hexdigest()}")
    print(f"sha256 of the file                {hashlib.sha256(packed).hexdigest()}")


if __name__ == "__main__":
    main()
