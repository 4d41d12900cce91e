"""What a figure must name: the machine it was measured on."""

import os
import platform
from pathlib import Path


def cpu_model() -> str:
    """The CPU's model name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        text = info.read_text()
        lines = (line.partition(":") for line in text.splitlines())
        fields = {key.strip(): value.strip() for key, _, value in lines}
        if "model name" in fields:
            family, model = fields.get("cpu family", "?"), fields.get("model", "?")
            return f"{fields['model name']} (family {family}, model {model})"
    return platform.processor() or platform.machine()


def round_trip() -> float | None:
    """Nanoseconds from core to core and back, now; None where there is one core only.

    Some tens where the cores share a cache, hundreds where they do not. In a virtual machine it may
    change from minute to minute, and with it what two threads are worth.
    """
    import pygan as pg

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return round(pg._core.round_trip(), 1) if (cores or 1) > 1 else None


def describe() -> dict[str, object]:
    """CPU, cores this process may use, instruction-set path, threads, compiler, versions."""
    import numpy as np

    import pygan as pg

    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "isa": pg._core.cpu_isa(),
        "threads": pg.get_num_threads(),
        "compiler": pg._core.build_info()["compiler"],
        "pygan": pg.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
