"""ZIPs of image files. Members are read in memory; nothing is ever unpacked to disk."""

from __future__ import annotations

import threading
import zipfile
import zlib
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pygan.data.dataset import Dataset
from pygan.data.decoding import SUFFIXES, Picture, bounded, decode, shown
from pygan.errors import DataError


def is_zip(path: Path) -> bool:
    """Whether ``path`` is a .zip file."""
    return path.is_file() and path.suffix.lower() == ".zip"


def image_zip(path: Path, size: tuple[int, int], channels: int | None) -> Dataset:
    """Every image in a ZIP, as :func:`pygan.data.image_folder` takes those of a folder.

    Members are taken in the order of their paths, hidden ones and macOS's ``__MACOSX`` left out.
    One that is encrypted, damaged or unpacks to more than 256 MB is skipped like a damaged file.

    Raises:
        DataError: not a ZIP, no images in it, or too many damaged ones.
    """
    where = f"in {shown(path)}"
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(
                (m for m in archive.infolist() if _wanted(m)), key=lambda m: m.filename.split("/")
            )
            if not members:
                raise DataError(
                    f"no images {where}; supported are {', '.join(s[1:] for s in SUFFIXES)}"
                )
            lock = threading.Lock()
            pictures = [
                Picture(shown(m.filename), partial(_read, archive, lock, m)) for m in members
            ]
            return decode(pictures, size, channels, where=where, name=shown(path.name))
    except zipfile.BadZipFile as error:
        raise DataError(f"{shown(path)} is damaged or no ZIP: {error}") from None
    except OSError as error:
        raise DataError(f"cannot read {shown(path)}: {error.strerror or error}") from None


def _wanted(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not member.is_dir() and not hidden and member.filename.lower().endswith(SUFFIXES)


def _read(archive: zipfile.ZipFile, lock: threading.Lock, member: zipfile.ZipInfo) -> BinaryIO:
    if member.flag_bits & 1:
        raise DataError("encrypted")
    try:
        with lock, archive.open(member) as file:
            return bounded(file, member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"damaged within the ZIP: {' '.join(str(error).split())}") from None
