"""``pygan doctor``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run"]


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
    facts["CUDA"] = _core.device_why_not("cuda") or "can be used"
    for name, value in facts.items():
        print(f"{name:<17} {value}")
    return 0
