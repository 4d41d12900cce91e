"""Events for TensorBoard (extra: ``pip install 'pygan[tensorboard]'``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pygan.errors import CheckpointError, ConfigError

__all__ = ["Board", "require"]


def require() -> Any:
    """tensorboardX's SummaryWriter. Raises ConfigError where it is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ConfigError(
            "tensorboard = true needs tensorboardX: pip install 'pygan[tensorboard]'"
        ) from None
    return SummaryWriter


class Board:
    """Writes the lines of metrics and the pictures of a run to ``tensorboard/`` in its directory.

    ``tensorboard --logdir runs`` shows them. Numbers of a line are scalars under their own name,
    lists (the shares of ``class_histogram``) one scalar an entry.

    Raises:
        ConfigError: tensorboardX is not installed.
    """

    def __init__(self, run: Path) -> None:
        self.path = run / "tensorboard"
        self._make = require()
        self._writer: Any = None

    def begin(self, step: int) -> None:
        """Start writing behind ``step``: what an earlier process wrote of later steps is void."""
        try:
            self._writer = self._make(str(self.path), purge_step=step + 1 if step else 0)
        except OSError as error:
            raise CheckpointError(f"cannot write {self.path}: {error.strerror}") from error

    def row(self, row: Mapping[str, Any]) -> None:
        """One line of metrics."""
        step = row["step"]
        for key, value in row.items():
            values = value if isinstance(value, list) else [value]
            for i, number in enumerate(values):
                if key != "step" and isinstance(number, int | float) and math.isfinite(number):
                    name = f"{key}/{i}" if isinstance(value, list) else key
                    self._writer.add_scalar(name, number, step)
        self._writer.flush()

    def picture(self, step: int, path: Path) -> None:
        """A PNG of samples."""
        from PIL import Image

        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._writer.add_image("samples", pixels, step, dataformats="HWC")
        self._writer.flush()
