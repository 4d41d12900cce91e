"""Checks of layer arguments, each with the layer and the argument in the message."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

from pygan.errors import ConfigError

__all__ = ["pair", "whole"]


def _is_whole(value: object, least: int) -> bool:
    # Integral: NumPy's integers too.
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def whole(layer: str, argument: str, value: int, least: int = 1) -> int:
    """`value`, if it is a whole number of at least `least`."""
    if not _is_whole(value, least):
        raise ConfigError(f"{layer}: {argument} must be a whole number >= {least}, got {value!r}")
    return int(value)


def pair(layer: str, argument: str, value: int | Sequence[int], least: int = 1) -> tuple[int, int]:
    """(height, width) from one number or two, each at least `least`."""
    both = value if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2 or not all(_is_whole(v, least) for v in both):
        raise ConfigError(
            f"{layer}: {argument} must be a whole number >= {least} or a pair of them, "
            f"got {value!r}"
        )
    return int(both[0]), int(both[1])
