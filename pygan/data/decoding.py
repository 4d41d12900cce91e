"""Many encoded images to one array; damaged and hostile ones are named, counted and left out.

A folder, a ZIP and a Parquet file differ in how the bytes of an image are reached, which is a
`Picture`; everything that can go wrong with those bytes is dealt with here, once.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pygan.data.dataset import Dataset, split
from pygan.data.pixels import fit, plain
from pygan.errors import DataError, OutOfMemoryError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# Only these decoders may look at a file: Pillow knows others that start external programs.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
QUOTA_FILES, QUOTA_SHARE = 10, 0.1
MAX_ENCODED = 1 << 28  # bytes of one encoded image within an archive
_WARNINGS_SHOWN = 20
_CHUNK = 256  # files decoded between two looks at the quota


@dataclass(frozen=True)
class Picture:
    """One encoded image.

    Args:
        name: what warnings and reports call it, printable.
        open: gives a file to read it from, or its path; raises DataError with the reason in words
            where there is nothing to read. Called once, in a thread.
    """

    name: str
    open: Callable[[], Path | BinaryIO]


def decode(
    pictures: Sequence[Picture],
    size: tuple[int, int],
    channels: int | None,
    *,
    where: str,
    name: str,
    labels: np.ndarray | None = None,
) -> Dataset:
    """Every usable picture, scaled and centre-cropped to ``size``; a tenth is held out.

    Args:
        pictures: in the order in which they are to stand.
        size: ``(H, W)``.
        channels: 1, 3, or None: grey if all images are grey, else RGB, the grey ones widened.
        where: the place that messages name, such as ``below photos``.
        name: of the data set.
        labels: int64, one a picture; those of skipped pictures are dropped.

    Raises:
        DataError: fewer than two usable pictures, or more than ``max(10, 10%)`` damaged ones.
        OutOfMemoryError: the decoded images do not fit into memory.
    """
    try:
        images, kept, skipped = _decode_all(pictures, size, channels, where)
    except MemoryError:
        gigabytes = len(pictures) * size[0] * size[1] * 3 / 1e9
        raise OutOfMemoryError(
            f"{len(pictures)} images of {size[0]}x{size[1]} need {gigabytes:.1f} GB; "
            "use fewer or smaller ones"
        ) from None
    if len(images) < 2:
        found = "no usable image" if len(images) == 0 else "only 1 usable image"
        first = f" (first problem: {skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise DataError(f"{found} {where}, at least 2 are needed{first}")
    return split(images, None if labels is None else labels[kept], name=name, skipped=skipped)


def shown(path: Path | str) -> str:
    """A path as one printable line: control and undecodable characters are escaped."""
    text = os.fspath(path)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _decode_all(
    pictures: Sequence[Picture], size: tuple[int, int], channels: int | None, where: str
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """uint8 (N, H, W, C) of the usable ones, their numbers, and (name, reason) of the others."""
    import logging
    import warnings
    from concurrent.futures import ThreadPoolExecutor

    from PIL import Image

    # One array from the start (untouched pages cost nothing): a list of images and its stack would
    # need the memory twice.
    images = np.empty((len(pictures), *size, 3), np.uint8)
    kept = np.empty(len(pictures), np.int64)
    skipped: list[tuple[str, str]] = []
    quota = max(QUOTA_FILES, int(QUOTA_SHARE * len(pictures)))
    count, all_grey = 0, True
    with (
        warnings.catch_warnings(),  # here and not in the threads: it is not thread-safe
        ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool,
    ):
        warnings.simplefilter("ignore")  # Pillow's remarks on metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for begin in range(0, len(pictures), _CHUNK):
            part = pictures[begin : begin + _CHUNK]
            decoded = pool.map(lambda picture: _decode(picture, size), part)
            for number, result in enumerate(decoded, start=begin):
                if isinstance(result, str):
                    skipped.append((pictures[number].name, result))
                    continue
                all_grey &= result.ndim == 2
                images[count] = result[..., None] if result.ndim == 2 else result
                kept[count] = number
                count += 1
            if len(skipped) > quota:
                _raise_too_many(skipped, begin + len(part), len(pictures), quota, where)
    for line in _warning_lines(skipped, len(pictures)):
        logging.getLogger("pygan.data").warning("%s", line)
    images = images[:count]
    if channels == 1 and not all_grey:
        images = _luma(images)
    elif channels == 1 or (channels is None and all_grey):
        images = images[..., :1].copy()
    return images, kept[:count], skipped


def _decode(picture: Picture, size: tuple[int, int]) -> np.ndarray | str:
    """uint8 (H, W) or (H, W, 3), or in words why there is none. Runs in a thread."""
    from PIL import Image

    try:
        with Image.open(picture.open(), formats=FORMATS) as image:
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and image.width * image.height > limit:
                return _bomb(image.width * image.height)
            image.load()  # the whole file: a truncated one raises here
            return np.asarray(fit(plain(image), size))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return _bomb(None)
    except Image.UnidentifiedImageError:
        return "not an image, or of another format than its name says"
    except DataError as error:
        return str(error)
    except Exception as error:  # a hostile file may raise anything inside a decoder
        return " ".join(f"{type(error).__name__}: {error}".split())


def _bomb(pixels: int | None) -> str:
    many = "too many" if pixels is None else f"{pixels:,}"
    return (
        f"{many} pixels (decompression bomb?); scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS"
    )


def _luma(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) -> (N, H, W, 1); Pillow's "L", so that files and arrays agree."""
    from PIL import Image

    return np.stack([np.asarray(Image.fromarray(x).convert("L"))[..., None] for x in images])


def bounded(file: BinaryIO, declared: int) -> BinaryIO:
    """The bytes of an archive's member in memory, at most MAX_ENCODED of them.

    Raises:
        DataError: it is longer; a few bytes of an archive may unpack to any length.
    """
    content = b"" if declared > MAX_ENCODED else file.read(MAX_ENCODED + 1)
    if declared > MAX_ENCODED or len(content) > MAX_ENCODED:
        raise DataError(f"unpacks to more than {MAX_ENCODED >> 20} MB (archive bomb?)")
    return io.BytesIO(content)


def _warning_lines(skipped: list[tuple[str, str]], total: int) -> Iterator[str]:
    for path, reason in skipped[:_WARNINGS_SHOWN]:
        yield f"skipped {path}: {reason}"
    if len(skipped) > _WARNINGS_SHOWN:
        yield f"skipped {len(skipped) - _WARNINGS_SHOWN} more; in all {len(skipped)} of {total}"


def _raise_too_many(
    skipped: list[tuple[str, str]], looked: int, total: int, quota: int, where: str
) -> None:
    some = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
    raise DataError(
        f"{len(skipped)} of the first {looked} files (of {total}) {where} cannot be "
        f"used, at most {quota} may be left out; for example {some}"
    )
