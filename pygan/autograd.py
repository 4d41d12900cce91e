"""Recording on and off, checked mode, tracing; tensors of constants."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pygan import _core
from pygan._core import Tensor, full

__all__ = [
    "check_finite",
    "devices",
    "enable_grad",
    "is_grad_enabled",
    "no_grad",
    "ones",
    "trace",
    "zeros",
]

_traces = threading.local()  # .open: the lists that this thread's events go to


@contextmanager
def _recording(on: bool) -> Iterator[None]:
    before = _core.set_grad_enabled(on)
    try:
        yield
    finally:
        _core.set_grad_enabled(before)


def no_grad() -> Any:
    """A context in which nothing is recorded (this thread)."""
    return _recording(False)


def enable_grad() -> Any:
    """A context in which operations are recorded again, inside no_grad."""
    return _recording(True)


def is_grad_enabled() -> bool:
    """Whether operations on variables are recorded now (this thread)."""
    return _core.is_grad_enabled()


@contextmanager
def check_finite() -> Iterator[None]:
    """A context in which the first op that makes, or is given, a NaN or Inf raises NonFiniteError.

    Every value is read once more: for finding an error, not for training.
    """
    before = _core.set_check_finite(True)
    try:
        yield
    finally:
        _core.set_check_finite(before)


@contextmanager
def trace() -> Iterator[list[dict[str, Any]]]:
    """A context that lists every operation this thread evaluates.

    Each event is a dict: op, parent (the op whose derivative ran it, or ""), inputs, outputs
    ("float32 (2, 3) on cpu"), flops (nominal, from shapes), bytes (read and written), seconds.
    Traces nest: each sees what happens while it is open.
    """
    events: list[dict[str, Any]] = []
    open_lists: list[list[dict[str, Any]]] = _traces.__dict__.setdefault("open", [])
    open_lists.append(events)
    if len(open_lists) == 1:
        _core.set_trace(lambda event: [one.append(event) for one in open_lists])
    try:
        yield events
    finally:
        open_lists[:] = [one for one in open_lists if one is not events]
        if not open_lists:
            _core.set_trace(None)


def zeros(shape: int | Sequence[int], dtype: Any = "float32", device: str = "cpu") -> Tensor:
    """A tensor of zeros."""
    return full(shape, 0.0, dtype, device)


def ones(shape: int | Sequence[int], dtype: Any = "float32", device: str = "cpu") -> Tensor:
    """A tensor of ones."""
    return full(shape, 1.0, dtype, device)


def devices() -> list[str]:
    """The devices that this build and machine can use: "cpu", "emu" and perhaps "cuda"."""
    return [name for name in ("cpu", "emu", "cuda") if not _core.device_why_not(name)]
