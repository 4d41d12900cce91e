"""What ran where: versions, instruction set, threads. For reports and ``pygan doctor``."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

import pygan as pg
from pygan import _core

__all__ = ["cpu_name", "machine"]


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Names and values of what a result depends on."""
    return {
        "pygan": pg.__version__,
        "processor": cpu_name(),
        "cores": os.cpu_count(),
        "instruction set": _core.cpu_isa(),
        "threads": pg.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
