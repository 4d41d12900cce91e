"""``pygan doctor``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run"]


def _gpu() -> str:
    from pygan import _core

    f = _core.device_facts("cuda")
    driver, runtime = (
        f"{v // 1000}.{v % 1000 // 10}" for v in (f["driver_version"], f["runtime_version"])
    )
    major, minor = divmod(f["architecture"], 10)
    return (
        f"{f['name']}, architecture {major}.{minor}, {f['total_bytes'] / 2**30:.1f} GiB, "
        f"driver for CUDA {driver}, built with CUDA {runtime}"
    )


def run() -> int:
    """Print what was built and what this machine offers; the exit code."""
    import pygan as pg
    from pygan import _core
    from pygan.cli.console import shown
    from pygan.train.machine import machine

    facts = {"loaded from": shown(Path(_core.__file__).resolve().parent), **machine()}
    built = _core.build_info()
    operations = _core.registered_ops()
    derivable = sum(bool(entry["differentiable"]) for entry in operations.values())
    facts["operations"] = f"{len(operations)}, {derivable} of them differentiable"
    facts["compiler"] = built["compiler"]
    facts["devices"] = ", ".join(pg.devices())
    facts["CUDA"] = pg.cuda.why_not() or _gpu()
    for name, value in facts.items():
        print(f"{name:<17} {value}")
    return 0
