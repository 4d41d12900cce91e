"""The engine's own side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import pygan as pg
from benchmarks.kernels.works import Passes, cotangents
from benchmarks.targets.cases import Part

NAME = f"pygan {pg.__version__}"


def set_threads(n: int) -> None:
    pg.set_num_threads(n)


def variants(part: Part) -> list[str]:
    return ["default"]


def make(part: Part, variant: str) -> Engine:
    return Engine(part.kind, part.size["pass"])


class Engine(Passes):
    """The pass on pygan's tensors."""

    def __init__(self, name: str, which: str) -> None:
        super().__init__(name, which)
        grows = which == "backward"
        self.xs = [pg.tensor(x) for x in self.example.inputs]
        if grows:
            for x in self.xs:
                x.requires_grad_(x.dtype.kind == "f")
            self.ys = self._outputs()
            self.wanted = [x for x in self.xs if x.requires_grad]
            self.dys = [pg.tensor(d) for d in cotangents(name, [y.numpy() for y in self.ys])]

    def _outputs(self) -> list[pg.Tensor]:
        y = self.case.call(*self.xs, **self.example.hyper)
        return (list(y) if isinstance(y, (list, tuple)) else [y])[: self.case.outputs]

    def forward(self) -> Sequence[pg.Tensor]:
        with pg.no_grad():
            return self._outputs()

    def backward(self) -> Sequence[pg.Tensor]:
        return pg.grad(self.ys, self.wanted, self.dys, retain_graph=True, unused="zero")

    def array(self, value: Any) -> np.ndarray:
        return value.numpy()

    def count(self) -> dict[str, float]:
        """Nominal FLOPs and bytes of the pass, from shapes: what its operations read and write."""
        with pg.trace() as events:
            self.run()
        if self.which == "forward":
            with pg.no_grad():
                outputs = tuple(y.numpy() for y in self._outputs())
            example = self.example
            engine = float(sum(e["flops"] for e in events))
            return {
                "flops": self.case.count_flops(example, outputs) if self.case.flops else engine,
                "bytes": float(self.case.count_bytes(example, outputs)),
            }
        return {key: float(sum(e[key] for e in events)) for key in ("flops", "bytes")}
