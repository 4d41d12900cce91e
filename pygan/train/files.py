"""Writing files so that a crash leaves the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from pygan.errors import CheckpointError

__all__ = ["TEMPORARY_SUFFIX", "remove_leftovers", "sync_directory", "write_atomic"]

TEMPORARY_SUFFIX = ".tmp"


def write_atomic(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Put ``chunks`` into ``path``: a temporary file beside it, fsync, rename, fsync of the folder.

    Whoever reads ``path`` at any moment, also after a power cut, finds the previous content or the
    new one. Raises CheckpointError when the disk refuses; the previous content then still stands.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        with open(temporary, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error


def sync_directory(folder: Path) -> None:
    """Make renames and new names in ``folder`` survive a power cut (nothing to do on Windows).

    Raises CheckpointError.
    """
    if os.name == "nt":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise CheckpointError(f"cannot write {folder}: {error.strerror or error}") from error


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in ``folder``."""
    for leftover in folder.glob(f"*{TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            leftover.unlink()
