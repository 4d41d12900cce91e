"""Warnings and shown paths, the same in every command."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from pathlib import Path

__all__ = ["listen", "shown", "warn"]


def warn(text: str) -> None:
    """One line on standard error."""
    print("pygan: warning:", " ".join(text.split()), file=sys.stderr, flush=True)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warn(record.getMessage())


def listen() -> None:
    """Show the warnings that the library logs (files left out, another instruction set)."""
    log = logging.getLogger("pygan")
    if not any(isinstance(handler, _Handler) for handler in log.handlers):
        log.addHandler(_Handler())


def shown(path: Path) -> str:
    """A path as it can be typed here: relative where it lies below, quoted where it must be."""
    relative = os.path.relpath(path)
    return shlex.quote(str(path) if relative.startswith("..") else relative)
