"""Every error that pygan raises on purpose.

Each class also derives from the built-in exception that a caller would expect (a wrong shape is a
``ValueError``, a failed allocation a ``MemoryError``), so code that knows nothing of pygan still
catches it. ``exit_code`` is what the command line returns:

====  ==========================================================
code  meaning
====  ==========================================================
1     any other pygan error
2     configuration, including wrong shapes and dtypes
3     data
4     checkpoint
5     device or memory, or a mistake of a kernel that ``emu`` found
6     a loss or gradient that is not finite
7     collapse: training ran, but the generator is not usable
====  ==========================================================

Signals keep the shell's convention (130 for SIGINT, 143 for SIGTERM) and are not errors.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CheckpointError",
    "CollapseError",
    "ConfigError",
    "DTypeError",
    "DataError",
    "DeviceError",
    "EmulatorError",
    "Error",
    "NonFiniteError",
    "OutOfMemoryError",
    "ShapeError",
]


class Error(Exception):
    """Base class of every error that pygan raises on purpose."""

    exit_code: ClassVar[int] = 1


class ShapeError(Error, ValueError):
    """Shapes that do not fit the operation; the message names them."""

    exit_code: ClassVar[int] = 2


class DTypeError(Error, TypeError):
    """A dtype that the operation does not take, or mixed dtypes: nothing is promoted silently."""

    exit_code: ClassVar[int] = 2


class ConfigError(Error, ValueError):
    """A setting, recipe or argument that cannot work."""

    exit_code: ClassVar[int] = 2


class DataError(Error, ValueError):
    """Training data that is missing, damaged, hostile or too small."""

    exit_code: ClassVar[int] = 3


class CheckpointError(Error, RuntimeError):
    """A checkpoint that is damaged, incomplete or from another setup."""

    exit_code: ClassVar[int] = 4


class DeviceError(Error, RuntimeError):
    """A device that is absent, was not built in, or was mixed with another one."""

    exit_code: ClassVar[int] = 5


class EmulatorError(Error, RuntimeError):
    """A mistake of a CUDA kernel that device ``emu`` has found: a race, an overrun, a barrier."""

    exit_code: ClassVar[int] = 5


class OutOfMemoryError(Error, MemoryError):
    """An allocation that failed; everything allocated before stays usable."""

    exit_code: ClassVar[int] = 5


class NonFiniteError(Error, FloatingPointError):
    """A loss or gradient with NaN or infinity; the update it belonged to was not applied."""

    exit_code: ClassVar[int] = 6


class CollapseError(Error):
    """Training ended with a generator of no use: its samples are constant or all alike."""

    exit_code: ClassVar[int] = 7
