"""The operations as cases that a pair of processes can time (see `benchmarks.targets.measure`)."""

from __future__ import annotations

from benchmarks.kernels import sizes
from benchmarks.targets.cases import Case, Part

__all__ = ["CASES"]


def _parts(name: str) -> tuple[Part, ...]:
    case = sizes.CASES[name]
    passes = ["forward"]
    if case.differentiable and name != "astype":  # of whole numbers: no derivative
        passes.append("backward")
    return tuple(Part(p, name, {"pass": p}) for p in passes)


CASES = {name: Case(name, f"operation {name}", _parts(name), 0.0, 0.0) for name in sizes.names()}
