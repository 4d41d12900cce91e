"""A folder of image files, decoded once into one array; damaged and hostile files are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pygan.data.dataset import Dataset, split
from pygan.data.pixels import check_channels, fit, plain, size_pair
from pygan.errors import DataError, OutOfMemoryError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# Only these decoders may look at a file: Pillow knows others that start external programs.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
QUOTA_FILES, QUOTA_SHARE = 10, 0.1
_WARNINGS_SHOWN = 20
_CHUNK = 256  # files decoded between two looks at the quota


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
    try:
        images, skipped = _decode_all(files, root, size, channels)
    except MemoryError:
        gigabytes = len(files) * size[0] * size[1] * 3 / 1e9
        raise OutOfMemoryError(
            f"{len(files)} images of {size[0]}x{size[1]} need {gigabytes:.1f} GB; "
            "use fewer or smaller ones"
        ) from None
    if len(images) < 2:
        found = "no usable image" if len(images) == 0 else "only 1 usable image"
        first = f" (first problem: {skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise DataError(f"{found} below {shown(root)}, at least 2 are needed{first}")
    return split(images, name=shown(root.resolve().name), skipped=skipped)


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


def shown(path: Path | str) -> str:
    """A path as one printable line: control and undecodable characters are escaped."""
    text = os.fspath(path)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _decode_all(
    files: list[Path], root: Path, size: tuple[int, int], channels: int | None
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """uint8 (N, H, W, C) of the usable files in order, and (path, reason) of the others."""
    import logging
    import warnings
    from concurrent.futures import ThreadPoolExecutor

    from PIL import Image

    # One array from the start (untouched pages cost nothing): a list of images and its stack would
    # need the memory twice.
    images = np.empty((len(files), *size, 3), np.uint8)
    skipped: list[tuple[str, str]] = []
    quota = max(QUOTA_FILES, int(QUOTA_SHARE * len(files)))
    count, all_grey = 0, True
    with (
        warnings.catch_warnings(),  # here and not in the threads: it is not thread-safe
        ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool,
    ):
        warnings.simplefilter("ignore")  # Pillow's remarks on metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for begin in range(0, len(files), _CHUNK):
            part = files[begin : begin + _CHUNK]
            for file, result in zip(part, pool.map(lambda f: _decode(f, size), part), strict=True):
                if isinstance(result, str):
                    skipped.append((shown(file.relative_to(root)), result))
                    continue
                all_grey &= result.ndim == 2
                images[count] = result[..., None] if result.ndim == 2 else result
                count += 1
            if len(skipped) > quota:
                _raise_too_many(skipped, begin + len(part), len(files), quota, root)
    for line in _warning_lines(skipped, len(files)):
        logging.getLogger("pygan.data").warning("%s", line)
    images = images[:count]
    if channels == 1 and not all_grey:
        images = _luma(images)
    elif channels == 1 or (channels is None and all_grey):
        images = images[..., :1].copy()
    return images, skipped


def _decode(file: Path, size: tuple[int, int]) -> np.ndarray | str:
    """uint8 (H, W) or (H, W, 3), or in words why there is none. Runs in a thread."""
    from PIL import Image

    try:
        if not file.is_file():  # opening a named pipe would wait forever
            return "not a regular file" if file.exists() else "broken link"
        with Image.open(file, formats=FORMATS) as image:
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


def _warning_lines(skipped: list[tuple[str, str]], total: int) -> Iterator[str]:
    for path, reason in skipped[:_WARNINGS_SHOWN]:
        yield f"skipped {path}: {reason}"
    if len(skipped) > _WARNINGS_SHOWN:
        yield f"skipped {len(skipped) - _WARNINGS_SHOWN} more; in all {len(skipped)} of {total}"


def _raise_too_many(
    skipped: list[tuple[str, str]], looked: int, total: int, quota: int, root: Path
) -> None:
    some = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
    raise DataError(
        f"{len(skipped)} of the first {looked} files (of {total}) below {shown(root)} cannot be "
        f"used, at most {quota} may be left out; for example {some}"
    )
