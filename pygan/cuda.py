"""The GPU: whether there is one, its memory, waiting for it.

One GPU a process, the first that ``CUDA_VISIBLE_DEVICES`` shows. pygan's work runs on one CUDA
stream of its own, which is ordered with the legacy default stream: arrays of CuPy and others go in
and out (`pygan.tensor`, `pygan.from_dlpack`, `pygan.from_cuda_array`, ``cupy.from_dlpack(x)``)
without synchronising by hand.

Calls return before the GPU is done; an error of a kernel is raised by a later call. With
``PYGAN_SYNC=1`` in the environment every launch is waited for, and the error names its operation.
"""

from __future__ import annotations

from pygan import _core

__all__ = [
    "device_name",
    "empty_cache",
    "is_available",
    "memory_stats",
    "reset_peak_memory",
    "stream",
    "synchronize",
    "why_not",
]


def is_available() -> bool:
    """Whether device "cuda" can be used: built in, with a driver and a GPU that this build fits."""
    return not why_not()


def why_not() -> str:
    """Why device "cuda" cannot be used, one line; "" where it can."""
    return _core.device_why_not("cuda")


def device_name() -> str:
    """The GPU's name, such as "NVIDIA H100 80GB HBM3". Raises DeviceError where there is none."""
    return _core.device_facts("cuda")["name"]


def memory_stats() -> dict[str, int]:
    """Bytes: live (held by tensors), cached (kept for the next ones), peak, total and free.

    Also live_blocks, their number. total and free are the whole GPU's, other processes included.

    Raises DeviceError: no GPU.
    """
    facts = _core.device_facts("cuda")
    sizes = {name: facts[name] for name in ("total_bytes", "free_bytes")}
    return {**_core.memory_stats("cuda"), **sizes}


def reset_peak_memory() -> None:
    """peak_bytes starts again from what is live now. Raises DeviceError: no GPU."""
    _core.reset_peak_memory("cuda")


def empty_cache() -> None:
    """Gives cached memory back, for other processes. Raises DeviceError: no GPU."""
    _core.trim_memory("cuda")


def synchronize() -> None:
    """Waits until the GPU has done all of pygan's work.

    Raises DeviceError: no GPU, or something in that work went wrong.
    """
    _core.synchronize("cuda")


def stream() -> int:
    """The CUDA stream of pygan's work, as ``cupy.cuda.ExternalStream`` takes it.

    Raises DeviceError: no GPU.
    """
    return _core.device_facts("cuda")["stream"]
